import { chmod, readFile, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { connect } from "../../ts/client/index.js";
import { createSite, type Daemon, ruleLine, type Site, startDaemon } from "../support/daemon.js";
import { createLab, type Lab } from "../support/netns.js";
import { watch } from "../support/scene.js";

const QUIET = ["--interception", "none"];
let lab: Lab;
let site: Site;
let daemon: Daemon;
beforeAll(async () => {
  lab = await createLab();
  site = await createSite({
    rules: [ruleLine({ action: "DROP", app: "/bin/a" }), ruleLine({ action: "ACCEPT", app: "/bin/b" })],
  });
  daemon = await startDaemon(lab.box, site, { args: QUIET });
});
afterAll(async () => {
  await daemon?.stop();
  await lab?.close();
  await site?.remove();
});
const apps = async () => (await daemon.client.rules.list.query()).map(({ app }) => app);

describe("status", () => {
  test("says what the daemon does and holds", async () => {
    const status = await daemon.client.status.get.query();
    expect(status).toMatchObject({
      filtering: false,
      version: "0.2.0",
      interception: { backend: "none", installed: false, queues: { first: 0 } },
      attachedClients: 0,
      openQueries: 0,
      rules: { session: 0, permanent: 2 },
      defaults: { incoming: "DROP", outgoing: "DROP", unattended: "ACCEPT" },
      problems: [],
    });
    expect(status.counters.packets).toBe(0);
    expect(Date.now() - status.startedAt).toBeLessThan(600_000);
  });

  test("counts who watches the questions, and nobody once they are gone", async () => {
    const other = connect({ socket: site.socket });
    await new Promise<void>((started) => {
      other.queries.watch.subscribe(undefined, { onStarted: () => started() });
    });
    expect(await daemon.client.status.get.query()).toMatchObject({ attachedClients: 1 });
    await other.close();
    await expect.poll(async () => (await daemon.client.status.get.query()).attachedClients).toBe(0);
  });
});

describe("rules", () => {
  test("of a session go to the front, newest first, permanent ones behind all and into the file", async () => {
    const { rules } = daemon.client;
    const before = await rules.list.query();
    const one = await rules.add.mutate({ action: "DROP", app: "/bin/s1", lifetime: "session" });
    const two = await rules.add.mutate({ action: "DROP", app: "/bin/s2", lifetime: "session", idleLimit: 5 });
    const last = await rules.add.mutate({ action: "REJECT", app: "/opt/My App/run", destination: { ports: "80" } });
    expect(await apps()).toEqual(["/bin/s2", "/bin/s1", "/bin/a", "/bin/b", "/opt/My App/run"]);
    expect([one.idleLimit, two.idleLimit, last.idleLimit]).toEqual([60, 5, undefined]);
    expect(await site.rulesFile()).toContain("REJECT\t/opt/My App/run");
    for (const { id } of [one, two, last]) expect((await rules.remove.mutate({ id })).id).toBe(id);
    expect(await rules.list.query()).toEqual(before);
    expect(await site.rulesFile()).not.toContain("/opt/My App/run");
  });

  test.each([
    [
      { action: "DROP", app: "curl" },
      'app: program "curl" is not a path; expected an absolute path, unknown, or * for any',
    ],
    [
      { action: "DROP", destination: { ports: "70000" } },
      'destination.ports: port "70000" is not a port or a range; expected',
    ],
    [{ action: "DROP", idleLimit: 5 }, "idleLimit does not go with a permanent rule; it is for session rules"],
    [{ action: "DROP", interface: "#1" }, 'the rules file cannot hold "#1" and "any" on one line'],
    [{ action: "DROP", lifetime: "until" }, "an until rule has no end; give expiresAt"],
    [{ action: "DROP", lifetime: "until", expiresAt: 1 }, "expiresAt is in the past; give a later time"],
    [{ action: "DROP", lifetime: "process" }, "a process rule has no process; give pid and startTime"],
  ] as const)("%j is refused in one line", async (input, message) => {
    const failure = await daemon.client.rules.add.mutate(input).catch((error) => error);
    expect(failure.message).toContain(message);
    expect(failure.message).not.toContain("\n");
    expect(failure.data.code).toBe("BAD_REQUEST");
    expect(failure.data.stack).toBeUndefined();
  });

  test("added at the same moment are all kept, in the file too", async () => {
    const { rules } = daemon.client;
    const names = Array.from({ length: 20 }, (_, index) => `/bin/at-once-${index}`);
    const added = await Promise.all(names.map((app) => rules.add.mutate({ action: "DROP", app })));
    expect(new Set(added.map(({ id }) => id)).size).toBe(20);
    const text = await site.rulesFile();
    for (const name of names) expect(text).toContain(`${name} `);
    await Promise.all(added.map(({ id }) => rules.remove.mutate({ id })));
    expect(await apps()).toEqual(["/bin/a", "/bin/b"]);
  });

  test("that are not there are not found", async () => {
    const failure = await daemon.client.rules.remove.mutate({ id: 999 }).catch((error) => error);
    expect(failure).toMatchObject({
      message: "there is no rule 999; the list of rules shows their numbers",
      data: { code: "NOT_FOUND" },
    });
  });

  test("are checked without being used, with the line that is wrong", async () => {
    const { check } = daemon.client.rules;
    expect(await check.query({ text: `[rules]\n${"* * ip 0/0 0 0/0 0 DROP *\n".repeat(5000)}` })).toEqual({
      rules: 5000,
    });
    const failure = await check.query({ text: "[rules]\n* * tcp 0/0 99999 0/0 0 DROP *\n" }).catch((error) => error);
    expect(failure.message).toMatch(/^rules:2: port "99999" is not .*; expected /);
    expect(failure.data.code).toBe("BAD_REQUEST");
    expect(await apps()).toEqual(["/bin/a", "/bin/b"]);
  });
});

describe("the rules file that somebody edits meanwhile", () => {
  const file = () => join(site.configDir, "rules");

  test("is taken in first when a rule is added, and the comments stay", async () => {
    const before = await readFile(file(), "utf8");
    await writeFile(file(), `${before}# by hand\n${ruleLine({ action: "DROP", app: "/bin/hand" })}\n`);
    const rule = await daemon.client.rules.add.mutate({ action: "DROP", app: "/bin/api" });
    expect(await apps()).toEqual(["/bin/a", "/bin/b", "/bin/hand", "/bin/api"]);
    expect(await site.rulesFile()).toMatch(/# by hand\n.*\/bin\/hand\n.*\/bin\/api/s);
    await daemon.client.rules.remove.mutate({ id: rule.id });
    await writeFile(file(), before);
    expect(await daemon.client.rules.reload.mutate()).toEqual({ rules: 2 });
  });

  test("refuses every change while it is broken, is left alone, and the last good rules stay", async () => {
    const before = await readFile(file(), "utf8");
    const broken = `${before}nonsense\n`;
    await writeFile(file(), broken);
    const { rules, status } = daemon.client;
    for (const attempt of [() => rules.add.mutate({ action: "DROP" }), () => rules.reload.mutate()]) {
      const failure = await attempt().catch((error) => error);
      expect(failure.message).toMatch(/rules:\d+: the rule has 1 of 9 fields; expected /);
      expect(failure.data.code).toBe("PRECONDITION_FAILED");
    }
    expect(await readFile(file(), "utf8")).toBe(broken);
    expect(await apps()).toEqual(["/bin/a", "/bin/b"]);
    expect((await status.get.query()).problems).toEqual([expect.stringContaining("the last good files stay in force")]);
    await writeFile(file(), before);
    await rules.reload.mutate();
    expect((await status.get.query()).problems).toEqual([]);
  });

  test("keeps the numbers of unchanged rules over a reload, and tells the others", async () => {
    const before = await readFile(file(), "utf8");
    const ids = (await daemon.client.rules.list.query()).map(({ id }) => id);
    const events = await watch(daemon, "events");
    await writeFile(
      file(),
      `[rules]\n${ruleLine({ action: "ASK", app: "/bin/new" })}\n${ruleLine({ action: "ACCEPT", app: "/bin/b" })}\n`,
    );
    daemon.process.kill("SIGHUP");
    expect((await events.next("rule-added")).rule.app).toBe("/bin/new");
    expect(await events.next("rule-removed")).toMatchObject({ why: "reload", rule: { app: "/bin/a", id: ids[0] } });
    const after = await daemon.client.rules.list.query();
    expect(after.map(({ app }) => app)).toEqual(["/bin/new", "/bin/b"]);
    expect(after[1]?.id).toBe(ids[1]);
    await writeFile(file(), before);
    await daemon.client.rules.reload.mutate();
  });
});

describe("config", () => {
  test("shows every setting as text, and never the password", async () => {
    expect(await daemon.client.config.get.query()).toMatchObject({
      username: "fwadmin",
      password: "********",
      port: "32123",
      exempt_loopback: "yes",
      mark_mask: "0x30000000",
      default_output_action: "DROP",
    });
  });

  test("is set in the file and in force at once, names of actions without regard to case", async () => {
    const set = await daemon.client.config.set.mutate({ key: "default_input_action", value: "reject" });
    expect(set).toEqual({ key: "default_input_action", value: "REJECT", restartRequired: false });
    expect((await daemon.client.status.get.query()).defaults.incoming).toBe("REJECT");
    expect(await readFile(join(site.configDir, "config"), "utf8")).toContain("default_input_action\t=\tREJECT\n");
  });

  test("says which settings wait for a restart, until they are as they were", async () => {
    const { config, status } = daemon.client;
    expect(await config.set.mutate({ key: "mark_mask", value: "0xC0000000" })).toMatchObject({ restartRequired: true });
    expect((await status.get.query()).problems).toEqual([
      "mark_mask changed in the config file; restart fwdaemon to use it",
    ]);
    await config.set.mutate({ key: "mark_mask", value: "0x30000000" });
    expect((await status.get.query()).problems).toEqual([]);
  });

  test("keeps of a password only its hash", async () => {
    const set = await daemon.client.config.set.mutate({ key: "password", value: "correct horse" });
    expect(set.value).toBe("********");
    const text = await readFile(join(site.configDir, "config"), "utf8");
    expect(text).toMatch(/^password\t\t=\tscrypt\$/m);
    expect(text).not.toContain("horse");
  });

  test.each([
    ["port", "80", 'port "80" is not accepted; expected a number from 1024 to 65535'],
    ["username", "x\ny = z", "the config file cannot hold this username; use one without control characters"],
  ] as const)("refuses %s %j in one line", async (key, value, message) => {
    const failure = await daemon.client.config.set.mutate({ key, value }).catch((error) => error);
    expect(failure.message).toContain(message);
    expect(failure.data.code).toBe("BAD_REQUEST");
  });
});

test("devices are those of the daemon's own network namespace, with its indexes", async () => {
  const devices = await daemon.client.devices.list.query();
  const links = JSON.parse(await lab.box.must(["ip", "-json", "link"])) as { ifname: string; ifindex: number }[];
  expect(devices.map(({ name, index }) => [name, index])).toEqual(
    links.map(({ ifname, ifindex }) => [ifname, ifindex]),
  );
  expect(devices[0]).toMatchObject({ name: "lo", receive: { bytes: expect.any(Number) } });
});

test("the interception is printed in either syntax, whatever is in use", async () => {
  const { print } = daemon.client.interception;
  expect((await print.query({ backend: "nft" })).text).toContain("table ");
  expect(await print.query()).toMatchObject({ backend: "iptables", text: expect.stringContaining("NFQUEUE") });
});

describe("the socket", () => {
  const CURL = ["curl", "-s", "--max-time", "20", "--unix-socket"];
  const as = (user: string[], ...path: string[]) =>
    lab.box.run(["setpriv", ...user, "--clear-groups", ...CURL, site.socket, ...path]);
  const STRANGER = ["--reuid=4242", "--regid=4242"];

  test("opens for root and the group only", async () => {
    const mode = (await lab.box.must(["stat", "-c", "%a %u", site.socket])).trim();
    expect(mode).toBe("660 0");
  });

  test("refuses a user who is neither, even where the file's mode would let it in", async () => {
    await chmod(site.directory, 0o755);
    await chmod(site.socket, 0o666);
    const { stdout } = await as(STRANGER, "http://fwdaemon/status.get");
    expect(JSON.parse(stdout).error).toMatchObject({
      message: "status.get is not allowed for user 4242; use sudo, or join the group desktopfw",
      data: { code: "FORBIDDEN" },
    });
    await chmod(site.socket, 0o660);
  });

  test("refuses a body that would fill the memory", async () => {
    const body = join(site.directory, "big");
    await writeFile(body, `{"text":"${"x".repeat(33 * 1024 * 1024)}"}`);
    const args = ["-H", "content-type: application/json", "--data-binary", `@${body}`, "http://fwdaemon/rules.check"];
    const { stdout } = await lab.box.run([...CURL, site.socket, ...args]);
    expect(stdout).not.toContain('"result"');
    expect((await daemon.client.status.get.query()).pid).toBeGreaterThan(0);
  });

  test("serves one user no more than its share of connections, and others still get in", async () => {
    await chmod(site.directory, 0o755);
    await chmod(site.socket, 0o666);
    const script = `
      const { connect } = require("node:net");
      const sockets = Array.from({ length: 200 }, () => connect(${JSON.stringify(site.socket)}));
      let closed = 0;
      for (const socket of sockets) socket.on("error", () => {}).on("close", () => { if (++closed === 72) console.log("held"); });`;
    const stranger = lab.box.start(["setpriv", ...STRANGER, "--clear-groups", process.execPath, "-e", script]);
    await stranger.waitFor(/^held$/m);
    expect((await daemon.client.status.get.query()).pid).toBe(daemon.process.pid);
    stranger.kill("SIGKILL");
    await stranger.finished;
    await chmod(site.socket, 0o660);
  });

  test("tells a subscriber too that it is not allowed", async () => {
    await chmod(site.socket, 0o666);
    const script = `
      import(${JSON.stringify(resolve("dist/client/index.js"))}).then(({ connect }) => {
        const client = connect({ socket: ${JSON.stringify(site.socket)} });
        client.queries.watch.subscribe(undefined, {
          onError: (error) => { console.log(error.message); client.close(); },
        });
      });`;
    const { code, stdout } = await lab.box.run([
      process.execPath,
      "-e",
      `process.setgroups([]); process.setgid(4242); process.setuid(4242); ${script}`,
    ]);
    expect([code, stdout]).toEqual([
      0,
      "queries.watch is not allowed for user 4242; use sudo, or join the group desktopfw\n",
    ]);
    await chmod(site.socket, 0o660);
  });

  test("says in one line that nobody answers", async () => {
    const client = connect({ socket: join(site.directory, "nobody") });
    const failure = await client.status.get.query().catch((error) => error);
    const message = `no fwdaemon answers on ${site.directory}/nobody; start it: sudo fwdaemon`;
    expect(failure.message).toBe(message);
    const state = await new Promise<{ error: unknown }>((found) => {
      client.events.follow.subscribe({}, { onConnectionStateChange: (each) => each.error && found(each) });
    });
    expect((state.error as Error).message).toBe(message);
    await client.close();
  });

  test("lets a program end whose client was closed, although it still subscribed", async () => {
    const script = `
      import(${JSON.stringify(resolve("dist/client/index.js"))}).then(({ connect }) => {
        const client = connect({ socket: ${JSON.stringify(site.socket)} });
        client.events.follow.subscribe({}, { onStarted: () => client.close(), onComplete: () => console.log("complete") });
      });`;
    const { code, signal, stdout } = await lab.box.run([process.execPath, "-e", script], { timeoutMs: 20_000 });
    expect([code, signal, stdout]).toEqual([0, null, "complete\n"]);
  });
});
