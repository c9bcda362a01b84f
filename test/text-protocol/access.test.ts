import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createLab, type Lab } from "../support/netns.js";
import { begin, type Scene } from "../support/scene.js";
import { ACCOUNT, AUTH, GREETING, type TextPort, textPort } from "../support/text.js";

const ALONE = ["--interception", "none"];
const REFUSED = "ERROR: Not authenticated\n\n";

let lab: Lab;
let port: TextPort;
beforeAll(async () => {
  lab = await createLab();
  port = await textPort(lab.box);
});
afterAll(() => lab.close());

const start = (config: Readonly<Record<string, string>> = ACCOUNT): Promise<Scene> =>
  begin(lab.box, { config, args: ALONE });
const configFile = ({ site }: Scene) => readFile(join(site.configDir, "config"), "utf8");

describe("before AUTH", () => {
  test.each([
    "LIST",
    "VERSION",
    "",
    "FOO",
    "list",
    "RULES LIST",
    "RULES ADD SESS eth0 outgoing tcp 0/0 0 0/0 80 ACCEPT /usr/bin/curl",
    "CONFIG SET password mine",
    "QUERY ADD SESS 1 ANYWHERE",
    "APPS ADDCOMMITED /bin/sh",
    "auth fwadmin fwpass",
    " AUTH fwadmin fwpass",
  ])("%j is refused", async (line) => {
    const { daemon } = await start();
    const client = port.connect();
    await client.reply();
    expect(await client.ask(line)).toBe(REFUSED);
    expect(await daemon.client.rules.list.query()).toEqual([]);
  });

  test.each(["CLOSE", "EXIT"])("%s ends the connection, and nothing else", async (line) => {
    const { daemon } = await start();
    const client = port.connect();
    client.write(`${line}\nLIST\n`);
    expect(await client.rest()).toBe(`${GREETING}\n`);
    expect((await daemon.client.status.get.query()).pid).toBe(daemon.process.pid);
    await port.authenticated();
  });

  test("a client that sends commands all the same is closed in the end", async () => {
    await start();
    const client = port.connect();
    client.write("LIST\n".repeat(1000));
    expect(await client.rest()).toBe(
      `${GREETING}${REFUSED.repeat(99)}ERROR: Not authenticated\nERROR: Too many commands without AUTH\n\n`,
    );
  });
});

describe("AUTH", () => {
  test.each([
    ["fwadmin wrong"],
    ["joe fwpass"],
    ["fwadmin FWPASS"],
    ["fwadmin fwpass "],
    ["fwadmin  fwpass"],
    ["fwadmin "],
    ["fwadmin ********"],
    ["fwadmin *"],
  ])("with %j does not get in", async (words) => {
    await start();
    const client = port.connect();
    await client.reply();
    expect(await client.ask(`AUTH ${words}`)).toBe("AUTH ERROR\n\n");
    expect(await client.ask("LIST")).toBe(REFUSED);
    expect(await client.ask(AUTH)).toBe("AUTH OK\n\n");
    expect(await client.ask("VERSION")).toBe("0.1\n\n");
  });

  test("with too few words shows how", async () => {
    await start();
    const client = port.connect();
    await client.reply();
    for (const line of ["AUTH", "AUTH fwadmin"])
      expect(await client.ask(line)).toBe("usage: AUTH username password\n\n");
  });

  test("gets nobody in where no password is set", async () => {
    await start({});
    const client = port.connect();
    await client.reply();
    expect(await client.ask("AUTH fwadmin *")).toBe("AUTH ERROR\n\n");
  });

  test("lets several in at once, each of whom sees what the others do", async () => {
    await start();
    const [one, two] = [await port.authenticated(), await port.authenticated()];
    expect(await one.ask("RULES ADD SESS eth0 outgoing tcp 0/0 0 0/0 80 ACCEPT /usr/bin/curl")).toContain("OK");
    expect(await two.ask("RULES LIST")).toContain("[0000] SESS\teth0\toutgoing\ttcp");
    expect(await two.ask("CLOSE").catch(() => "closed")).toBe("\n");
    expect(await one.ask("VERSION")).toBe("0.1\n\n");
  });

  test("that is wrong is answered late, and holds up nobody else meanwhile", async () => {
    await start();
    const guesser = port.connect();
    await guesser.reply();
    guesser.write("AUTH fwadmin wrong\nAUTH fwadmin wrong\n");
    const order: string[] = [];
    const guessed = guesser.reply().then(() => order.push("guesser"));
    const other = await port.authenticated();
    for (let turn = 0; turn < 5; turn += 1) await other.ask("RULES LIST");
    order.push("other");
    await guessed;
    expect(order).toEqual(["other", "guesser"]);
  });

  test("leaves no password in the log, right or wrong", async () => {
    const { daemon } = await begin(lab.box, { config: ACCOUNT, args: [...ALONE, "--log-level", "debug"] });
    const client = port.connect();
    await client.reply();
    await client.ask("AUTH fwadmin wr0ngpass");
    await client.ask(AUTH);
    await client.ask("CONFIG SET password n3wpass");
    await client.ask("CONFIG SET password averyveryverylongpassw0rd");
    const { stdout, stderr } = await daemon.stop();
    expect(stderr).toMatch(/^warning: text client 127\.0\.0\.1:\d+: wrong name or password, 1 so far$/m);
    expect(stdout + stderr).not.toMatch(/wr0ngpass|fwpass|n3wpass|passw0rd/);
  });
});

describe("the password", () => {
  test("of an old file stays plain until the next write, and is a hash then, which still lets in", async () => {
    const scene = await start();
    expect(await configFile(scene)).toContain("password\t=\tfwpass\n");
    const client = await port.authenticated();
    expect(await client.ask("CONFIG SET default_output_action ACCEPT")).toBe("OK: default output action set\n\n");
    expect(await configFile(scene)).toMatch(/^password\t=\tscrypt\$32768\$8\$1\$[^$]+\$[^$]+$/m);
    expect(await configFile(scene)).not.toContain("fwpass");
    await port.authenticated();
  });

  test("that CONFIG SET sets is stored as its hash and counts at once", async () => {
    const scene = await start();
    const client = await port.authenticated();
    expect(await client.ask("CONFIG SET password pw2")).toBe("OK: password set\n\n");
    expect(await configFile(scene)).toMatch(/^password\t=\tscrypt\$/m);
    expect(await client.ask(AUTH)).toBe("AUTH ERROR\n\n");
    await port.authenticated("AUTH fwadmin pw2");
    expect(await client.ask("CONFIG SET password averyveryverylongone")).toBe(
      "ERROR: Can't change password, max length = 16\n\n",
    );
  });

  test("is read again with the file", async () => {
    const { site, daemon } = await start();
    await site.writeConfig({ ...ACCOUNT, password: "with two blanks" });
    await daemon.client.rules.reload.mutate();
    await port.authenticated("AUTH fwadmin with two blanks");
  });
});

describe("fwctl config password", () => {
  test("makes one for a new installation and shows it once", async () => {
    const scene = await start({});
    const { code, stdout } = await scene.daemon.fwctl(["config", "password"]);
    expect(code).toBe(0);
    const [, password = ""] = /^username = fwadmin\npassword = ([A-Za-z0-9]{16})\n$/.exec(stdout) ?? [];
    await port.authenticated(`AUTH fwadmin ${password}`);
    expect(await configFile(scene)).toMatch(/^password\t+=\tscrypt\$/m);
    expect(await configFile(scene)).not.toContain(password);

    const again = await scene.daemon.fwctl(["config", "password"]);
    expect([again.code, again.stdout]).toEqual([1, ""]);
    expect(again.stderr).toMatch(/^fwctl: a password is set[^\n]*; fwctl config password --new makes another one\n$/);
    await port.authenticated(`AUTH fwadmin ${password}`);
  });

  test("--new puts another in the place of one that is set", async () => {
    const { daemon } = await start();
    const { code, stdout } = await daemon.fwctl(["--json", "config", "password", "--new"]);
    expect(code).toBe(0);
    const { username, password } = JSON.parse(stdout) as Record<string, string>;
    const client = await port.authenticated(`AUTH ${username} ${password}`);
    expect(await client.ask(AUTH)).toBe("AUTH ERROR\n\n");
  });

  test("is for root alone", async () => {
    const { site, daemon } = await start({});
    const groups = await readFile("/etc/group", "utf8");
    const member = /^desktopfw:[^:]*:(\d+):/m.exec(groups)?.[1] ?? "65534";
    await lab.box.must(["chmod", "0777", site.directory, site.socket]);
    const as = ["setpriv", "--reuid=65534", `--regid=${member}`, "--clear-groups"];
    const reads = ["--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"];
    const fwctl = [process.execPath, "dist/cli/fwctl.js", "--socket", site.socket, "config", "password"];
    const { code, stderr } = await lab.box.run([...as, ...reads, ...fwctl]);
    expect([code, stderr]).toEqual([1, expect.stringContaining("config.makePassword is not allowed for user 65534")]);
    expect((await daemon.client.config.get.query()).password).toBe("********");
    expect(await readFile(join(site.configDir, "config"), "utf8")).not.toContain("password");
  });
});

describe("where it listens", () => {
  test("is what --text says", async () => {
    await begin(lab.box, { config: ACCOUNT, args: [...ALONE, "--text", "[::1]:4000"] });
    const other = await textPort(lab.box, 4000, "::1");
    await other.authenticated();
    expect(await port.connect().rest()).toBe("");
  });

  test("is nowhere with --text off", async () => {
    await begin(lab.box, { config: ACCOUNT, args: [...ALONE, "--text", "off"] });
    expect(await port.connect().rest()).toBe("");
  });

  test("is the config's host and port, and a change of them waits for a restart", async () => {
    const { daemon } = await start({ ...ACCOUNT, host: "127.0.0.2", port: "33333" });
    const client = await (await textPort(lab.box, 33333, "127.0.0.2")).authenticated();
    expect(await client.ask("CONFIG SET port 44444")).toBe("OK: port set. fwdaemon restart required!\n\n");
    expect(await client.ask("CONFIG SET host 127.0.0.1")).toBe("OK: host ip set. fwdaemon restart required!\n\n");
    expect((await daemon.client.status.get.query()).problems).toEqual([
      "host, port changed in the config file; restart fwdaemon to use it",
    ]);
    expect(await client.ask("VERSION")).toBe("0.1\n\n");
  });

  test("is told in the log where other machines may reach it", async () => {
    const { daemon } = await begin(lab.box, { config: ACCOUNT, args: [...ALONE, "--text", "0.0.0.0:4001"] });
    expect(daemon.process.stderr()).toMatch(/^warning: text protocol on 0\.0\.0\.0:4001: other machines may reach it/m);
  });

  test("that is taken is told in one line, and nothing of the daemon stays", async () => {
    await start();
    const { site } = await begin(lab.box, { args: [...ALONE, "--text", "off", "--queue", "20"] });
    await writeFile(join(site.configDir, "config"), "[settings]\n");
    const { code, stdout, stderr } = await lab.box.run([
      ...site.command({ args: [...ALONE, "--queue", "40"] }),
      "--socket",
      `${site.socket}.2`,
    ]);
    expect([code, stdout]).toEqual([1, ""]);
    expect(stderr).toMatch(/^fwdaemon: the text protocol cannot listen on 127\.0\.0\.1:32123: another program has it;/);
    expect(stderr.split("\n")).toHaveLength(2);
  });

  test.each(["localhost:1", "127.0.0.1", "127.0.0.1:0", "127.0.0.1:65536", "::1:4000", "[127.0.0.1]:4000", "on"])(
    "cannot be %j",
    async (text) => {
      const { code, stderr } = await lab.box.run([process.execPath, "dist/daemon.js", "--text", text]);
      expect([code, stderr]).toEqual([2, expect.stringContaining("expected an IP address and a port")]);
    },
  );
});
