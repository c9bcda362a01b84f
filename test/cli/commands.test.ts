import { readFile, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { Event } from "../../ts/model/event.js";
import { Rule } from "../../ts/model/rule.js";
import { Device, InterceptionStatus, Status } from "../../ts/model/status.js";
import { type Daemon, ruleLine } from "../support/daemon.js";
import { done, json, refused } from "../support/fwctl.js";
import { createLab, type Lab } from "../support/netns.js";
import { fetchPage, serve } from "../support/probes.js";
import { begin } from "../support/scene.js";

let lab: Lab;
beforeAll(async () => {
  lab = await createLab();
  await serve(lab.peer);
}, 60_000);
afterAll(() => lab.close());

const Rules = z.array(Rule);
const Checked = z.object({ rules: z.number() });
const addAccept = (...words: string[]) => ["rules", "add", "--action", "ACCEPT", ...words];

describe("looking", () => {
  test("status, devices and interception say what is so, in JSON by the schema and for people within 80 columns", async () => {
    const { daemon } = await begin(lab.box, { rules: [ruleLine({ action: "ACCEPT" })] });
    expect(await json(daemon, Status, "status")).toMatchObject({
      filtering: true,
      rules: { session: 0, permanent: 1 },
    });
    const status = await done(daemon, "status");
    expect(status).toMatch(/^fwdaemon \S+ is filtering \(pid \d+, up /);
    expect(status).toMatch(/^rules +0 session, 1 permanent$/m);
    expect((await json(daemon, z.array(Device), "devices")).map(({ name }) => name)).toEqual(["lo", "eth0"]);
    expect((await json(daemon, Device, "devices", "stats", "eth0")).transmit.bytes).toBeGreaterThan(0);
    const people = [status, ...(await printed(daemon, "devices", "devices stats lo", "interception", "config"))].join(
      "",
    );
    expect(people.split("\n").filter((line) => line.length > 80)).toEqual([]);
    expect(people).not.toContain("\u001b");
  });

  test("what is not there is refused with one line", async () => {
    const { daemon } = await begin(lab.box);
    expect(await refused(daemon, "devices", "stats", "wlan7")).toContain('no interface "wlan7"');
    expect(await refused(daemon, "rules", "remove", "99")).toContain("99");
    expect(await refused(daemon, "allow", "99")).toContain("99 is not open");
  });

  test("empty lists say so", async () => {
    const { daemon } = await begin(lab.box);
    expect(await printed(daemon, "queries", "rules")).toEqual([
      "no questions are open\n",
      "there are no rules; the default actions decide\n",
    ]);
  });
});

describe("interception", () => {
  test("print shows the rules in the syntax that is asked for", async () => {
    const { daemon } = await begin(lab.box);
    expect(await done(daemon, "interception", "print", "--backend", "iptables")).toMatch(/^\*\w+$/m);
    expect(await done(daemon, "interception", "print", "--backend", "nft")).toMatch(/^(add )?table (inet|ip) /m);
  });

  test("remove lets everything pass, and install filters again", async () => {
    const { daemon } = await begin(lab.box);
    const reach = () => fetchPage(lab.box, lab.peer.address.ipv4, { seconds: 1 });
    expect(await reach()).toBe("silence");
    expect(await json(daemon, InterceptionStatus, "interception", "remove")).toMatchObject({ installed: false });
    expect(await reach()).toBe("passed");
    expect(await json(daemon, InterceptionStatus, "interception", "install")).toMatchObject({ installed: true });
    expect(await reach()).toBe("silence");
  });
});

describe("rules", () => {
  test("are added, listed in the order in which they are tried, and removed", async () => {
    const { daemon, site } = await begin(lab.box, { rules: [ruleLine({ action: "DROP", app: "/bin/first" })] });
    await json(
      daemon,
      Rule,
      ...addAccept("--app", "/bin/last", "--protocol", "udp", "--to", "10.0.0.0/8", "--to-port", "53"),
    );
    expect(await done(daemon, ...addAccept("--app", "/bin/soon", "--for", "1h"))).toMatch(
      /^added rule \d+ \(for 1h\): ACCEPT by \/bin\/soon\n$/,
    );
    await done(daemon, ...addAccept("--app", "/bin/now", "--session", "--from", "fd00::1", "--direction", "incoming"));
    const rules = await json(daemon, Rules, "rules");
    expect(rules.map(({ app, lifetime }) => `${app} ${lifetime}`)).toEqual([
      "/bin/now session",
      "/bin/soon until",
      "/bin/first permanent",
      "/bin/last permanent",
    ]);
    expect(rules[3]).toMatchObject({ protocol: "udp", destination: { host: "10.0.0.0/8", ports: "53" } });
    const lines = (await done(daemon, "rules")).split("\n");
    expect(lines.filter((line) => line.length > 80)).toEqual([]);
    expect(lines.join("\n")).toMatch(/\/bin\/now[\s\S]*\/bin\/soon[\s\S]*\/bin\/first[\s\S]*\/bin\/last/);
    expect(await site.rulesFile()).toContain("/bin/last");
    expect(await done(daemon, "rules", "remove", String(rules[3]?.id))).toContain("/bin/last");
    expect(await site.rulesFile()).not.toContain("/bin/last");
    expect(await json(daemon, Rules, "rules")).toHaveLength(3);
  });

  test("check tells whether a file parses, and changes nothing", async () => {
    const { daemon, site } = await begin(lab.box, {
      rules: [ruleLine({ action: "ACCEPT" }), ruleLine({ action: "DROP" })],
    });
    const file = join(site.directory, "mine");
    await writeFile(file, await site.rulesFile());
    expect(await done(daemon, "rules", "check", file)).toBe(`${file} is fine: 2 rules\n`);
    expect(await json(daemon, Checked, "rules", "check")).toEqual({ rules: 2 });
    await writeFile(file, "[rules]\neth0 sideways\n");
    expect(await refused(daemon, "rules", "check", file)).toContain(`fwctl: ${file}:2: `);
    await site.writeRules(["eth0 sideways"]);
    expect(await refused(daemon, "rules", "check")).toContain(`${join(site.configDir, "rules")}:3: `);
    expect(await refused(daemon, "rules", "check", join(site.directory, "none"))).toContain("there is no such file");
    expect(await json(daemon, Rules, "rules")).toHaveLength(2);
  });

  test("reload takes what was edited, and refuses a broken file while the last good rules stay", async () => {
    const { daemon, site } = await begin(lab.box, { rules: [ruleLine({ action: "ACCEPT" })] });
    await site.writeRules([ruleLine({ action: "DROP" }), ruleLine({ action: "ACCEPT" })]);
    expect(await done(daemon, "rules", "reload")).toBe("loaded: 2 rules\n");
    await site.writeRules(["eth0 sideways"]);
    expect(await refused(daemon, "rules", "reload")).toMatch(/rules:3: .*expected/);
    expect(await json(daemon, Rules, "rules")).toHaveLength(2);
  });
});

describe("config", () => {
  test("a setting is read, changed, written, and refused when it makes no sense", async () => {
    const { daemon, site } = await begin(lab.box);
    expect(await done(daemon, "config", "get", "default_output_action")).toBe("DROP\n");
    expect(await done(daemon, "config", "set", "default_output_action", "ACCEPT")).toContain(
      "default_output_action = ACCEPT",
    );
    expect(await done(daemon, "config")).toMatch(/^default_output_action += ACCEPT$/m);
    expect(await readFile(join(site.configDir, "config"), "utf8")).toMatch(/default_output_action\s*=\s*ACCEPT/);
    expect(await refused(daemon, "config", "set", "port", "80")).toContain("port");
    expect(await fetchPage(lab.box, lab.peer.address.ipv4)).toBe("passed");
  });

  test("a password comes from standard input and is shown nowhere", async () => {
    const { daemon } = await begin(lab.box);
    const set = await daemon.fwctl(["config", "set", "password", "-"], { input: "s3cret\n" });
    expect(set).toMatchObject({ code: 0, stderr: "" });
    const config = await done(daemon, "--json", "config");
    expect(JSON.parse(config)).toMatchObject({ password: "********" });
    expect(set.stdout + config).not.toContain("s3cret");
    const none = await daemon.fwctl(["config", "set", "password", "-"]);
    expect(none).toMatchObject({ code: 1, stdout: "" });
  });
});

test("events prints the next event of a type, and --follow goes on, one JSON object a line", async () => {
  const { daemon, site } = await begin(lab.box);
  const fwctl = [process.execPath, resolve("dist/cli/fwctl.js"), "--socket", site.socket];
  const next = lab.box.start([...fwctl, "events", "--type", "rule-added"]);
  const following = lab.box.start([...fwctl, "--json", "events", "--follow"]);
  // A subscription begins a moment after the program does: add rules until both have told of one.
  const told = Promise.all([
    next.waitFor(/rule \d+ added \(session\): ACCEPT by \/bin\/x/),
    following.waitFor(/rule-added/),
  ]);
  let seen = false;
  told.then(
    () => {
      seen = true;
    },
    () => {
      seen = true;
    },
  );
  while (!seen) await done(daemon, ...addAccept("--session", "--app", "/bin/x"));
  await told;
  expect(await next.finished).toMatchObject({ code: 0, stderr: "" });
  await daemon.stop();
  const { code, stdout, stderr } = await following.finished;
  expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringMatching(/^fwctl: fwdaemon went away; [^\n]+\n$/) });
  for (const line of stdout.trimEnd().split("\n")) expect(Event.parse(JSON.parse(line))).toEqual(JSON.parse(line));
});

test("a user who may not open the socket is told how to become one who may", async () => {
  const { site } = await begin(lab.box);
  // The modules are loaded before the rights are given up: the checkout may be in a folder that only its owner reads.
  const script = `
    import { run } from ${JSON.stringify(resolve("dist/cli/run.js"))};
    import { processIo } from ${JSON.stringify(resolve("dist/cli/io.js"))};
    process.setgroups([]); process.setgid(65534); process.setuid(65534);
    process.exitCode = await run(["--socket", process.argv[1], "status"], processIo(), "0");`;
  const { code, stdout, stderr } = await lab.box.run([
    process.execPath,
    "--input-type=module",
    "-e",
    script,
    site.socket,
  ]);
  expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
  expect(stderr).toBe(`fwctl: no permission to use ${site.socket}; run as root or join the group desktopfw\n`);
});

function printed(daemon: Daemon, ...lines: string[]): Promise<string[]> {
  return Promise.all(lines.map((line) => done(daemon, ...line.split(" "))));
}
