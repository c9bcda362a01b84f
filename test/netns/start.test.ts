import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createLab, type Lab } from "../support/netns.js";
import { fetchPage, serve } from "../support/probes.js";
import { must, run } from "../support/process.js";

const START = ["./scripts/start", "--no-build"];
/** What would show that something of a sandbox or a daemon is still there. */
const namespaces = async () =>
  (await must(["ip", "netns", "list"])).split("\n").filter((line) => line.startsWith("desktopfw-"));

test("scripts/start --sandbox shows a question, its answer and a rule, unattended, and leaves nothing", async () => {
  const before = await namespaces();
  const { code, stdout, stderr } = await run([...START, "--sandbox", "--demo-seconds", "60"], { timeoutMs: 110_000 });
  expect([code, stderr]).toEqual([0, ""]);
  expect(stdout).toContain("fwdaemon: filtering on queue");
  expect(stdout).toMatch(/\$ fwctl queries\n.*\n.*\/usr\/bin\/curl/);
  expect(stdout).toMatch(/permanent\s+ACCEPT\s+outgoing/);
  expect(stdout).toContain("hello from the demo server, you asked for /\n");
  expect(stdout).toMatch(/stopped\n$/);
  expect(await namespaces()).toEqual(before);
});

test.each([["--demo-seconds", "5"], ["--sandbox", "--demo-seconds", "soon"], ["--sandbxo"]])(
  "scripts/start %s %s %s is wrong usage",
  async (...args) => {
    const { code, stdout, stderr } = await run([...START, ...args]);
    expect([code, stdout]).toEqual([2, ""]);
    expect(stderr).toContain("usage:");
  },
);

describe("scripts/start on a machine", () => {
  let lab: Lab;
  beforeAll(async () => {
    lab = await createLab();
    await serve(lab.peer);
  });
  afterAll(() => lab.close());

  /** A machine's own directories, empty and gone afterwards: mounts that only this process and its children see. */
  const OWN =
    "mount -t tmpfs own /var/lib && mount -t tmpfs own /run && cp -a /etc /run/etc && mount --bind /run/etc /etc";
  const started = () =>
    lab.box.start(["unshare", "--mount", "bash", "-c", `${OWN} && rm -rf /etc/desktopfw && exec ${START.join(" ")}`]);

  test("makes the files, filters with nobody at the keyboard, and ends cleanly on a signal", async () => {
    const machine = started();
    await machine.waitFor(/^fwdaemon: filtering on queue/m);
    expect((await lab.box.must(["iptables-save"])) + (await lab.box.must(["nft", "list", "ruleset"]))).toMatch(
      /desktopfw/i,
    );
    const shipped = await run(["nsenter", "-t", String(machine.pid), "-m", "ls", "/etc/desktopfw"]);
    expect(shipped.stdout.split("\n")).toEqual(expect.arrayContaining(["config", "rules"]));
    // As shipped, nobody who is not there is locked out.
    expect(await fetchPage(lab.box, lab.peer.address.ipv4)).toBe("passed");
    machine.kill("SIGINT");
    const { stdout } = await machine.finished;
    expect(stdout).toMatch(/stopped\n$/);
    expect((await lab.box.must(["iptables-save"])) + (await lab.box.must(["nft", "list", "ruleset"]))).not.toMatch(
      /desktopfw/i,
    );
  });
});
