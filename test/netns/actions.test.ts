import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ruleLine } from "../support/daemon.js";
import { createLab, type Lab } from "../support/netns.js";
import { CURL, DIG, fetchPage, lookUp, NODE, type Outcome, serve } from "../support/probes.js";
import { begin, watch } from "../support/scene.js";

const PROTOCOLS = [
  { protocol: "tcp", port: 80, app: CURL, probe: fetchPage },
  { protocol: "udp", port: 53, app: DIG, probe: lookUp },
] as const;
const FAMILIES = ["ipv4", "ipv6"] as const;
const ACTIONS: readonly { action: string; outcome: Outcome; opposite: string }[] = [
  { action: "ACCEPT", outcome: "passed", opposite: "DROP" },
  { action: "DROP", outcome: "silence", opposite: "ACCEPT" },
  { action: "REJECT", outcome: "refused", opposite: "ACCEPT" },
];
const CASES = ACTIONS.flatMap((action) =>
  PROTOCOLS.flatMap((protocol) => FAMILIES.map((family) => ({ ...action, ...protocol, family }))),
);

let lab: Lab;
beforeAll(async () => {
  lab = await createLab();
  await Promise.all([serve(lab.box), serve(lab.peer)]);
});
afterAll(() => lab.close());

describe("a rule for outgoing connections of one program", () => {
  test.each(CASES)(
    "$action: $protocol over $family sees $outcome",
    async ({ action, outcome, opposite, protocol, port, app, probe, family }) => {
      // The default is the opposite: without the rule the probe would see something else.
      const { daemon } = await begin(lab.box, {
        config: { default_output_action: opposite },
        rules: [ruleLine({ direction: "outgoing", protocol, port: String(port), action, app })],
      });
      const events = await watch(daemon, "events");
      expect(await probe(lab.box, lab.peer.address[family])).toBe(outcome);
      const {
        flow,
        app: seen,
        verdict,
        reason,
      } = await events.next("verdict", (event) => event.flow.destination.port === port);
      expect(flow).toMatchObject({ direction: "outgoing", protocol, interface: "eth0" });
      expect([flow.source.ip, flow.destination.ip]).toEqual([lab.box.address[family], lab.peer.address[family]]);
      expect([seen.path, seen.uid, verdict, reason.kind]).toEqual([app, 0, action, "rule"]);
    },
  );

  test.each(PROTOCOLS)("does not touch another program's $protocol", async ({ protocol, probe }) => {
    const { daemon } = await begin(lab.box, {
      config: { default_output_action: "ACCEPT" },
      rules: [ruleLine({ direction: "outgoing", action: "DROP", app: "/usr/bin/another" })],
    });
    expect(await probe(lab.box, lab.peer.address.ipv4), protocol).toBe("passed");
    expect((await daemon.client.rules.list.query())[0]?.hits).toBe(0);
  });
});

describe("a rule for incoming connections to one program", () => {
  test.each(CASES)(
    "$action: $protocol over $family sees $outcome",
    async ({ action, outcome, opposite, protocol, port, probe, family }) => {
      const { daemon } = await begin(lab.box, {
        config: { default_input_action: opposite },
        rules: [ruleLine({ direction: "incoming", protocol, port: String(port), action, app: NODE })],
      });
      const events = await watch(daemon, "events");
      expect(await probe(lab.peer, lab.box.address[family])).toBe(outcome);
      const { flow, app, verdict } = await events.next("verdict", (event) => event.flow.destination.port === port);
      expect(flow).toMatchObject({ direction: "incoming", protocol, interface: "eth0" });
      expect([flow.source.ip, flow.destination.ip]).toEqual([lab.peer.address[family], lab.box.address[family]]);
      expect([app.path, verdict]).toEqual([NODE, action]);
    },
  );
});

describe("a rule's field decides whether it matches", () => {
  const address = { host: "10.77.0.0/16", elsewhere: "10.99.0.0/16" };
  test.each([
    { field: "interface", match: { interface: "eth0" }, miss: { interface: "eth9" } },
    { field: "host", match: { destination: address.host }, miss: { destination: address.elsewhere } },
    { field: "source", match: { source: address.host }, miss: { source: address.elsewhere } },
    { field: "port", match: { port: "80" }, miss: { port: "81" } },
    { field: "protocol", match: { protocol: "tcp" }, miss: { protocol: "udp" } },
    { field: "direction", match: { direction: "outgoing" }, miss: { direction: "incoming" } },
  ])("$field", async ({ match, miss }) => {
    const { site, daemon } = await begin(lab.box, { rules: [ruleLine({ ...match, action: "ACCEPT" })] });
    expect(await fetchPage(lab.box, lab.peer.address.ipv4)).toBe("passed");
    await site.writeRules([ruleLine({ ...miss, action: "ACCEPT" })]);
    await daemon.client.rules.reload.mutate();
    expect(await fetchPage(lab.box, lab.peer.address.ipv4)).toBe("silence");
  });

  test("the first rule that matches wins", async () => {
    const { site, daemon } = await begin(lab.box, {
      rules: [ruleLine({ action: "REJECT", port: "80" }), ruleLine({ action: "ACCEPT" })],
    });
    expect(await fetchPage(lab.box, lab.peer.address.ipv4)).toBe("refused");
    await site.writeRules([ruleLine({ action: "ACCEPT" }), ruleLine({ action: "REJECT", port: "80" })]);
    await daemon.client.rules.reload.mutate();
    expect(await fetchPage(lab.box, lab.peer.address.ipv4)).toBe("passed");
  });
});
