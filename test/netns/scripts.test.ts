import { realpathSync } from "node:fs";
import { resolve } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { iptablesText } from "../../ts/control/interception/iptables-text.js";
import { buildRuleset } from "../../ts/control/interception/ruleset.js";
import { ruleLine } from "../support/daemon.js";
import { createLab, FAMILIES, type Lab } from "../support/netns.js";
import { fetchPage, lookUp, type Outcome, ping, serve } from "../support/probes.js";
import { begin, watch } from "../support/scene.js";

const SCRIPTS = [
  "00_insert_nfqueue.sh",
  "00_only_tcp.sh",
  "01_nfqueue.sh",
  "10_only_ssh.sh",
  "80_only_web.sh",
] as const;
type Script = (typeof SCRIPTS)[number];
const BASH = realpathSync("/bin/bash");
const OTHERS = `*filter
:OTHERS - [0:0]
-A OTHERS -j RETURN
-A OUTPUT -p tcp -m comment --comment "not -j FWHAND_OUT" -j OTHERS
COMMIT
*mangle
:XFWHAND_OUT - [0:0]
-A XFWHAND_OUT -j RETURN
-A OUTPUT -j XFWHAND_OUT
COMMIT
`;

let lab: Lab;
beforeAll(async () => {
  lab = await createLab();
  await Promise.all([serve(lab.box), serve(lab.peer)]);
});
afterAll(() => lab.close());
beforeEach(async () => {
  await script("01_nfqueue.sh", "--remove");
  for (const { tool } of FAMILIES) await lab.box.must([`${tool}-restore`], { input: OTHERS });
});

const command = (name: Script, ...options: string[]) => [BASH, resolve("scripts/interception", name), ...options];
const script = (name: Script, ...options: string[]) => lab.box.must(command(name, ...options));

async function rules(): Promise<string> {
  const texts = await Promise.all(FAMILIES.map(({ tool }) => lab.box.must([`${tool}-save`])));
  return texts
    .join("")
    .replaceAll(/^#.*\n/gm, "")
    .replaceAll(/\[\d+:\d+\]/g, "");
}

/** The rules of our chains and the jumps to them, sorted: `-I OUTPUT 1` of what is printed is `-A OUTPUT` once saved. */
const ours = (text: string) =>
  text
    .split("\n")
    .filter((line) => /^-[AI] .*FWHAND_/.test(line) && !line.includes("XFWHAND") && !line.includes("--comment"))
    .map((line) => line.replace(/^-I (\w+) 1 /, "-A $1 "))
    .sort();

describe.each(SCRIPTS)("%s", (name) => {
  test("installs what it prints, both families, and twice is as once", async () => {
    const options = ["-i", "eth0", "--bypass", "--queue", "4:5", "--mark-mask", "0xc0"];
    const before = await rules();
    const printed = await script(name, ...options, "--print");
    expect(await rules()).toBe(before);
    expect(await script(name, ...options)).toBe("");
    const once = await rules();
    expect(ours(once)).toEqual(ours(printed));
    expect(printed).toMatch(/^# iptables-restore --noflush$[\s\S]*^# ip6tables-restore --noflush$/m);
    await script(name, ...options);
    expect(await rules()).toBe(once);
  });

  test("leaves nothing of its own when it is removed, and all that others had", async () => {
    const before = await rules();
    await script(name);
    expect(await rules()).not.toBe(before);
    await script(name, "--remove");
    expect(await rules()).toBe(before);
    await script(name, "--remove");
    expect(await rules()).toBe(before);
  });

  test("explains itself, and tells wrong usage in one line", async () => {
    expect((await script(name, "--help")).split("\n").filter((line) => line.length > 80)).toEqual([]);
    for (const wrong of [
      ["--queue", "5:4"],
      ["--queue", "x"],
      ["--mark-mask", "0x1"],
      ["-i", "a b"],
      ["--flush"],
      ["-i"],
    ]) {
      const { code, stdout, stderr } = await lab.box.run(command(name, ...wrong));
      expect({ code, stdout }, wrong.join(" ")).toEqual({ code: 2, stdout: "" });
      expect(stderr).toMatch(/^[^\n]+; see [^\n]+ --help\n$/);
    }
  });
});

test.each(FAMILIES)("00_insert_nfqueue.sh gives the daemon what its own chains give: $family", async ({ family }) => {
  const options = {
    backend: "iptables" as const,
    firstQueue: 4,
    queueCount: 4,
    markMask: 0x30000000,
    exemptLoopback: true,
  };
  const own = iptablesText(buildRuleset(options), family).replaceAll("DESKTOPFW_", "FWHAND_");
  const printed = await script("00_insert_nfqueue.sh", "--queue", "4:7", "--bypass", "--print");
  expect(printed).toContain(own);
});

describe("what a daemon without interception of its own judges", () => {
  /** Nothing is allowed: what is queued meets silence, and the rest passes. */
  const judged = async (name: Script, ...options: string[]) => {
    await script(name, ...options);
    await begin(lab.box, { args: ["--interception", "none"] });
    const outcomes: Record<string, Outcome> = {};
    const [out, back] = [lab.peer.address, lab.box.address];
    for (const family of ["ipv4", "ipv6"] as const) {
      outcomes[`web out ${family}`] = await fetchPage(lab.box, out[family], { seconds: 1 });
      outcomes[`web in ${family}`] = await fetchPage(lab.peer, back[family], { seconds: 1 });
    }
    outcomes.names = await lookUp(lab.box, out.ipv4, { seconds: 1 });
    outcomes.echo = await ping(lab.box, out.ipv6);
    outcomes.ssh = await banner();
    return Object.keys(outcomes).filter((what) => outcomes[what] === "silence");
  };
  /** Whether a program gets an answer at port 22: here nobody listens, so that a refusal is one. */
  const banner = async (): Promise<Outcome> => {
    const { stderr } = await lab.box.run(["nc", "-v", "-w", "1", "-N", lab.peer.address.ipv4, "22"]);
    return /refused/.test(stderr) ? "passed" : "silence";
  };
  const WEB = ["web out ipv4", "web in ipv4", "web out ipv6", "web in ipv6"];

  test.each([
    { name: "00_insert_nfqueue.sh", options: [], queued: [...WEB, "names", "echo", "ssh"] },
    { name: "00_only_tcp.sh", options: [], queued: [...WEB, "ssh"] },
    { name: "01_nfqueue.sh", options: ["--queue", "0"], queued: [...WEB, "names", "echo", "ssh"] },
    { name: "10_only_ssh.sh", options: [], queued: ["ssh"] },
    { name: "80_only_web.sh", options: [], queued: WEB },
    { name: "00_insert_nfqueue.sh", options: ["-i", "eth9"], queued: [] },
    { name: "00_insert_nfqueue.sh", options: ["-i", "eth0"], queued: [...WEB, "names", "echo", "ssh"] },
  ] as const)("$name $options: $queued", async ({ name, options, queued }) => {
    expect(await judged(name, ...options)).toEqual(queued);
  });

  test("is accepted for good and rejected at once, as with the daemon's own chains", async () => {
    await script("80_only_web.sh");
    const { daemon } = await begin(lab.box, {
      args: ["--interception", "none"],
      rules: [ruleLine({ action: "ACCEPT", direction: "outgoing" }), ruleLine({ action: "REJECT" })],
    });
    const events = await watch(daemon, "events");
    expect(await fetchPage(lab.box, lab.peer.address.ipv4)).toBe("passed");
    expect(await fetchPage(lab.peer, lab.box.address.ipv6)).toBe("refused");
    await events.next("verdict", ({ verdict }) => verdict === "REJECT");
    const verdicts = events.seen().filter(({ type }) => type === "verdict");
    expect(verdicts).toMatchObject([{ verdict: "ACCEPT" }, { verdict: "REJECT" }]);
  });

  test("stops when it goes, or passes with --bypass", async () => {
    await script("00_only_tcp.sh");
    expect(await fetchPage(lab.box, lab.peer.address.ipv4, { seconds: 1 })).toBe("silence");
    await script("00_only_tcp.sh", "--bypass");
    expect(await fetchPage(lab.box, lab.peer.address.ipv4)).toBe("passed");
  });
});

test("one script takes the place of another", async () => {
  await script("00_insert_nfqueue.sh");
  await script("10_only_ssh.sh");
  const both = await rules();
  await script("00_insert_nfqueue.sh", "--remove");
  await script("10_only_ssh.sh");
  expect(both).toBe(await rules());
});

test("a script does not put its chains beside the daemon's own, and the daemon leaves the script's alone", async () => {
  await script("00_only_tcp.sh", "--bypass");
  const { daemon } = await begin(lab.box);
  const before = ours(await rules());
  const { code, stderr } = await lab.box.run(command("00_only_tcp.sh"));
  expect({ code, stderr }).toEqual({
    code: 1,
    stderr: "00_only_tcp.sh: fwdaemon has chains of its own here; start it with --interception none\n",
  });
  await daemon.stop();
  expect(ours(await rules())).toEqual(before);
  expect(before.length).toBeGreaterThan(0);
});
