import { existsSync } from "node:fs";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createSite, type DaemonOptions, type Site } from "../support/daemon.js";
import { createLab, type Lab } from "../support/netns.js";
import { daemonOn, siteFor } from "../support/scene.js";

const QUIET = ["--interception", "none"];
const DAEMON = [process.execPath, resolve("dist/daemon.js")];
let lab: Lab;
beforeAll(async () => {
  lab = await createLab();
});
afterAll(() => lab.close());

describe("fwdaemon used wrongly", () => {
  test.each([
    [["--queue", "x"], "expected a number from 0 to 65535"],
    [["--queue", "65536"], "expected a number from 0 to 65535"],
    [["--interception", "magic"], "Allowed choices are auto, nft, iptables, none"],
    [["--no-such-option"], "unknown option"],
    [["stray"], "too many arguments"],
  ])("%j ends with 2 and says what is accepted", async (args, message) => {
    const { code, stdout, stderr } = await lab.box.run([...DAEMON, ...args]);
    expect([code, stdout]).toEqual([2, ""]);
    expect(stderr).toContain(message);
  });

  test.each([
    ["--version", /^0\.2\.0\n$/],
    ["--help", /Examples:\n {2}sudo fwdaemon /],
  ])("%s ends with 0", async (flag, expected) => {
    const { code, stdout } = await lab.box.run([...DAEMON, flag]);
    expect(code).toBe(0);
    expect(stdout).toMatch(expected);
  });
});

describe("fwdaemon that cannot start says why in one line, ends with 1 and leaves nothing behind", () => {
  const refused = async (site: Site, options: DaemonOptions = {}) => {
    const { code, stdout, stderr } = await lab.box.run(site.command({ args: QUIET, ...options }));
    expect([code, stdout]).toEqual([1, ""]);
    expect(stderr).toMatch(/^fwdaemon: [^\n]*\n$/);
    return stderr.slice("fwdaemon: ".length, -1);
  };

  test("where its directory of files is missing", async () => {
    const site = await siteFor();
    await rm(site.configDir, { recursive: true });
    expect(await refused(site)).toBe(
      `the directory ${site.configDir} is missing; make it with sudo mkdir -p ${site.configDir}, or name another --config-dir`,
    );
    expect(existsSync(site.socket)).toBe(false);
  });

  test.each([
    ["rules", "[rules]\nnonsense\n", "rules:2: the rule has 1 of 9 fields; expected interface direction"],
    ["config", "[settings]\nport = 80\n", 'config:2: port "80" is not accepted; expected a number from 1024 to 65535'],
  ])("where its %s file is broken", async (name, text, message) => {
    const site = await siteFor();
    await writeFile(join(site.configDir, name), text);
    expect(await refused(site)).toContain(`${site.configDir}/${message}`);
    expect(existsSync(site.socket)).toBe(false);
  });

  test("where it has not the right to filter", async () => {
    const site = await siteFor();
    const drop = ["setpriv", "--bounding-set=-net_admin", "--inh-caps=-net_admin"];
    const { code, stderr } = await lab.box.run([...drop, ...site.command({ args: QUIET })]);
    expect([code, stderr]).toEqual([
      1,
      "fwdaemon: it may not filter packets (no CAP_NET_ADMIN); run it as root: sudo fwdaemon\n",
    ]);
  });

  test("where another one answers on its socket, which then goes on", async () => {
    const site = await siteFor();
    const daemon = await daemonOn(lab.box, site, { args: QUIET });
    expect(await refused(site)).toBe(
      `another fwdaemon answers on ${site.socket}; stop it first, or name another --socket`,
    );
    expect((await daemon.client.status.get.query()).pid).toBe(daemon.process.pid);
  });

  test("where another one has its queue", async () => {
    await daemonOn(lab.box, await siteFor(), { args: QUIET });
    const second = await siteFor();
    expect(await refused(second)).toMatch(/queue 0 .*;/);
    expect(existsSync(second.socket)).toBe(false);
  });

  test("where the socket's path is an ordinary file, which stays", async () => {
    const site = await siteFor();
    await writeFile(site.socket, "mine");
    expect(await refused(site)).toBe(`${site.socket} is there and is no socket; remove it, or name another --socket`);
    expect(existsSync(site.socket)).toBe(true);
  });

  test("where the socket's path is longer than the kernel takes", async () => {
    const site = await siteFor();
    const path = join(site.directory, "x".repeat(120));
    expect(await refused(site, { args: [...QUIET, "--socket", path] })).toContain("is too long for the kernel");
  });
});

describe("fwdaemon that runs", () => {
  test("says in one line on which queues it filters, and nothing else there", async () => {
    const daemon = await daemonOn(lab.box, await siteFor(), { args: [...QUIET, "--queue", "40"] });
    expect(daemon.process.stdout()).toMatch(/^fwdaemon: filtering on queue 40(-\d+)? \(no interception\)\n$/);
  });

  test("names its backend and families once it intercepts", async () => {
    const daemon = await daemonOn(lab.box, await siteFor());
    expect(daemon.process.stdout()).toMatch(
      /^fwdaemon: filtering on queue 0(-\d+)? \((nft|iptables), ipv4 and ipv6\)\n$/,
    );
    expect(await daemon.client.status.get.query()).toMatchObject({
      filtering: true,
      interception: { installed: true },
    });
  });

  test.each(["SIGTERM", "SIGINT"] as const)(
    "ends on %s with 0, its socket and its rules in the kernel gone",
    async (signal) => {
      const site = await siteFor();
      const before = await kernelRules();
      const daemon = await daemonOn(lab.box, site);
      expect(await kernelRules()).not.toBe(before);
      expect(await daemon.stop(signal)).toMatchObject({ code: 0, signal: null, stderr: "" });
      expect(await kernelRules()).toBe(before);
      expect(await readdir(site.directory)).toEqual(["etc"]);
    },
  );

  test("ends although a client still watches", async () => {
    const daemon = await daemonOn(lab.box, await siteFor(), { args: QUIET });
    await new Promise<void>((started) => {
      daemon.client.queries.watch.subscribe(undefined, { onStarted: () => started() });
    });
    daemon.process.kill("SIGTERM");
    expect(await daemon.process.finished).toMatchObject({ code: 0, stderr: "" });
  });

  test("takes its rules out of the kernel and ends with 1 after an error that nobody expected", async () => {
    const site = await siteFor();
    const before = await kernelRules();
    const fault = "process.on('SIGUSR2', () => { throw new Error('two\\nlines'); });";
    const daemon = await daemonOn(lab.box, site, {
      nodeArgs: ["--import", `data:text/javascript,${encodeURIComponent(fault)}`],
    });
    daemon.process.kill("SIGUSR2");
    const { code, stderr } = await daemon.process.finished;
    expect(code).toBe(1);
    expect(stderr).toMatch(/^error: uncaught error: Error: two lines [^\n]*\n$/);
    expect(await kernelRules()).toBe(before);
    expect(existsSync(site.socket)).toBe(false);
  });

  test("takes the place of one that was killed, whose socket and rules it finds", async () => {
    const site = await siteFor();
    const before = await kernelRules();
    const killed = await daemonOn(lab.box, site);
    await killed.stop("SIGKILL");
    expect(existsSync(site.socket)).toBe(true);
    const daemon = await daemonOn(lab.box, site);
    expect(await daemon.client.status.get.query()).toMatchObject({ filtering: true });
    await daemon.stop();
    expect(await kernelRules()).toBe(before);
  });

  test("says on SIGHUP what it read, or why it keeps what it had", async () => {
    const site = await siteFor();
    const daemon = await daemonOn(lab.box, site, { args: QUIET });
    daemon.process.kill("SIGHUP");
    await daemon.process.waitFor(/^info: reloaded: 0 permanent rules$/m);
    await writeFile(join(site.configDir, "rules"), "nonsense\n");
    daemon.process.kill("SIGHUP");
    await daemon.process.waitFor(
      /^error: reload refused: .*rules:1: a line stands before its section; expected \[rules\] above it$/m,
    );
  });
});

test("a socket that nobody listens on any more is replaced", async () => {
  const site = await createSite();
  const directory = await mkdtemp(join(tmpdir(), "desktopfw-stale-"));
  try {
    // A listener that ends without removing its socket, as a killed one does.
    const script = `require("net").createServer().listen(${JSON.stringify(site.socket)}, () => process.kill(process.pid, "SIGKILL"))`;
    expect((await lab.box.run([process.execPath, "-e", script])).signal ?? "SIGKILL").toBe("SIGKILL");
    expect(existsSync(site.socket)).toBe(true);
    const daemon = await daemonOn(lab.box, site, { args: QUIET });
    expect((await daemon.client.status.get.query()).pid).toBe(daemon.process.pid);
  } finally {
    await rm(directory, { recursive: true });
  }
});

/** What iptables and nftables hold in the box, without counters and comments. */
async function kernelRules(): Promise<string> {
  const texts = await Promise.all(
    [["iptables-save"], ["ip6tables-save"], ["nft", "list", "ruleset"]].map(
      async (argv) => (await lab.box.run(argv)).stdout,
    ),
  );
  return texts
    .join("")
    .replace(/^#.*\n/gm, "")
    .replace(/\[\d+:\d+\]/g, "");
}
