import { afterAll, beforeAll, expect, test } from "vitest";
import { ruleLine } from "../support/daemon.js";
import { createLab, type Lab } from "../support/netns.js";
import { type Outcome, PING, ping } from "../support/probes.js";
import { begin, watch } from "../support/scene.js";

const FAMILIES = ["ipv4", "ipv6"] as const;
const ACTIONS: readonly { action: string; opposite: string; outcome: Outcome }[] = [
  { action: "ACCEPT", opposite: "DROP", outcome: "passed" },
  { action: "DROP", opposite: "ACCEPT", outcome: "silence" },
  { action: "REJECT", opposite: "ACCEPT", outcome: "refused" },
];
const CASES = ACTIONS.flatMap((action) => FAMILIES.map((family) => ({ ...action, family })));

let lab: Lab;
beforeAll(async () => {
  lab = await createLab();
});
afterAll(() => lab.close());

test.each(CASES)(
  "$action for ping over $family: $outcome, with the program known",
  async ({ action, opposite, outcome, family }) => {
    const { daemon } = await begin(lab.box, {
      config: { default_output_action: opposite },
      rules: [ruleLine({ direction: "outgoing", protocol: "icmp", action, app: PING })],
    });
    const events = await watch(daemon, "events");
    expect(await ping(lab.box, lab.peer.address[family])).toBe(outcome);
    const { app, flow } = await events.next("verdict");
    expect([app.path, flow.protocol]).toEqual([PING, family === "ipv4" ? "icmp" : "icmpv6"]);
  },
);

test.each(CASES)(
  "$action for an echo request from outside over $family: $outcome",
  async ({ action, opposite, outcome, family }) => {
    await begin(lab.box, {
      config: { default_input_action: opposite },
      rules: [ruleLine({ direction: "incoming", protocol: "icmp", action })],
    });
    expect(await ping(lab.peer, lab.box.address[family])).toBe(outcome);
  },
);

test.each(FAMILIES)("a ping over %s is held and let go by an answer", async (family) => {
  const { daemon } = await begin(lab.box, { config: { default_output_action: "ASK", unattended_action: "DROP" } });
  const questions = await watch(daemon, "queries");
  const held = ping(lab.box, lab.peer.address[family], { seconds: 30 });
  const { query } = await questions.next("query-opened");
  expect(query.app.path).toBe(PING);
  await daemon.fwctl(["allow", String(query.id), "--once"]);
  expect(await held).toBe("passed");
});

test.each([
  { attribution: "auto", app: PING },
  { attribution: "proc", app: "unknown" },
])("an echo from a raw socket is $app with --attribution $attribution", async ({ attribution, app }) => {
  await lab.box.must(["sysctl", "-qw", "net.ipv4.ping_group_range=1 0"]);
  const { daemon } = await begin(lab.box, {
    rules: [ruleLine({ direction: "outgoing", protocol: "icmp", action: "ACCEPT", app })],
    args: ["--attribution", attribution],
  });
  const events = await watch(daemon, "events");
  expect(await ping(lab.box, lab.peer.address.ipv4)).toBe("passed");
  const { app: seen, reason } = await events.next("verdict");
  expect([seen.path, reason.kind]).toEqual([app, "rule"]);
  await lab.box.must(["sysctl", "-qw", "net.ipv4.ping_group_range=0 2147483647"]);
});

test("IPv6 finds its neighbours while everything is dropped", async () => {
  await lab.box.must(["ip", "-6", "neigh", "flush", "dev", "eth0"]);
  await begin(lab.box, { rules: [ruleLine({ protocol: "tcp", action: "ACCEPT" })] });
  const neighbours = async () =>
    (await lab.box.must(["ip", "-6", "neigh", "show", lab.peer.address.ipv6, "dev", "eth0"])).trim();
  expect(await neighbours()).not.toContain("REACHABLE");
  // Nobody listens there: the refusal has come by the neighbour that was found.
  await lab.box.run(["nc", "-w", "2", lab.peer.address.ipv6, "9"]);
  expect(await neighbours()).toContain("REACHABLE");
});
