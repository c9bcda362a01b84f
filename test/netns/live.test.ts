import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { ruleLine } from "../support/daemon.js";
import { createLab, type Lab } from "../support/netns.js";
import { blockEventLoop, fetchPage, lookUp, NODE, openConnections, sendDatagram, serve } from "../support/probes.js";
import type { Running } from "../support/process.js";
import { begin, watch } from "../support/scene.js";

const FAMILIES = ["ipv4", "ipv6"] as const;

let lab: Lab;
beforeAll(async () => {
  lab = await createLab();
  await Promise.all([serve(lab.box), serve(lab.peer)]);
});
afterAll(() => lab.close());

/** A connection of one of the two hosts, once it has echoed. */
async function connected(direction: "outgoing" | "incoming", family: (typeof FAMILIES)[number]): Promise<Running> {
  const [from, to] = direction === "outgoing" ? [lab.box, lab.peer] : [lab.peer, lab.box];
  const connection = openConnections(from, to.address[family]);
  onTestFinished(() => connection.kill());
  await connection.waitFor(/^outcomes {"connected":1}$/m);
  await echo(connection, "before");
  return connection;
}

async function echo(connection: Running, word: string): Promise<void> {
  connection.write(`${word}\n`);
  await connection.waitFor(new RegExp(`^data 0 ${word}$`, "m"));
}

const CASES = (["outgoing", "incoming"] as const).flatMap((direction) =>
  FAMILIES.map((family) => ({ direction, family })),
);

describe.each(CASES)("a live $direction connection over $family", ({ direction, family }) => {
  const accept = ruleLine({ direction, action: "ACCEPT", app: NODE });

  test("passes without user space once it is allowed", async () => {
    const { daemon } = await begin(lab.box, { rules: [accept] });
    const connection = await connected(direction, family);
    const before = (await daemon.client.status.get.query()).counters.packets;
    for (let word = 0; word < 50; word += 1) await echo(connection, `word${word}`);
    expect((await daemon.client.status.get.query()).counters.packets).toBe(before);
  });

  test("is cut when a rule that rejects it comes", async () => {
    const { site, daemon } = await begin(lab.box, { rules: [accept] });
    const events = await watch(daemon, "events");
    const connection = await connected(direction, family);
    await site.writeRules([ruleLine({ direction, action: "REJECT", app: NODE })]);
    await daemon.client.rules.reload.mutate();
    expect(await events.next("flow-cut")).toMatchObject({ flow: { direction, protocol: "tcp" }, app: { path: NODE } });
    connection.write("after\n");
    await connection.waitFor(/^error 0 ECONN(RESET|ABORTED)$/m);
    expect(connection.stdout()).not.toContain("after");
  });

  test("is cut when the rule that allowed it is removed and the default drops", async () => {
    const { daemon } = await begin(lab.box, { rules: [accept] });
    const events = await watch(daemon, "events");
    const connection = await connected(direction, family);
    const [rule] = await daemon.client.rules.list.query();
    expect((await daemon.fwctl(["rules", "remove", String(rule?.id)])).code).toBe(0);
    await events.next("flow-cut");
    connection.write("after\n");
    // The other way still works for whoever is allowed: what is silent is this connection alone.
    await daemon.fwctl(["rules", "add", "--action", "ACCEPT", "--to-port", "80"]);
    const [from, to] = direction === "outgoing" ? [lab.box, lab.peer] : [lab.peer, lab.box];
    expect(await fetchPage(from, to.address[family])).toBe("passed");
    expect(connection.stdout()).not.toContain("after");
  });

  test("is not disturbed by a change that still allows it", async () => {
    const { site, daemon } = await begin(lab.box, { rules: [accept] });
    const events = await watch(daemon, "events");
    const connection = await connected(direction, family);
    await site.writeRules([ruleLine({ direction, protocol: "tcp", action: "ACCEPT" }), ruleLine({ action: "REJECT" })]);
    await daemon.client.rules.reload.mutate();
    for (let word = 0; word < 10; word += 1) await echo(connection, `after${word}`);
    expect(events.seen().filter(({ type }) => type === "flow-cut")).toEqual([]);
    expect((await daemon.client.status.get.query()).counters.cut).toBe(0);
  });
});

test.each(FAMILIES)("a datagram that needs fragments passes over %s", async (family) => {
  await begin(lab.box, { rules: [ruleLine({ direction: "outgoing", protocol: "udp", action: "ACCEPT", app: NODE })] });
  await sendDatagram(lab.box, lab.peer.address[family], 60_000).waitFor(/^reply 60000$/m);
});

test("a connection from before the start is not asked about, a new one is", async () => {
  const connection = openConnections(lab.box, lab.peer.address.ipv4);
  await connection.waitFor(/^outcomes {"connected":1}$/m);
  const { daemon } = await begin(lab.box, { config: { default_output_action: "ASK", default_input_action: "ASK" } });
  const questions = await watch(daemon, "queries");
  for (let word = 0; word < 5; word += 1) await echo(connection, `still${word}`);
  expect(questions.seen()).toEqual([]);
  const held = fetchPage(lab.box, lab.peer.address.ipv4);
  await questions.next("query-opened");
  expect(await held).toBe("silence");
});

test("a daemon whose JavaScript stands still for 5 s still lets ruled connections pass", async () => {
  const { daemon } = await begin(lab.box, {
    nodeArgs: ["--inspect=127.0.0.1:0"],
    config: { default_output_action: "REJECT" },
    rules: [ruleLine({ direction: "outgoing", port: "80", action: "ACCEPT" })],
  });
  const [, inspector = ""] = await daemon.process.waitFor(/Debugger listening on (ws:\S+)/);
  const blocker = blockEventLoop(lab.box, inspector, 5000);
  await blocker.waitFor(/^blocked$/m);
  for (let turn = 0; turn < 10; turn += 1) {
    expect(await fetchPage(lab.box, lab.peer.address[turn % 2 ? "ipv4" : "ipv6"])).toBe("passed");
  }
  expect(await lookUp(lab.box, lab.peer.address.ipv4)).toBe("refused");
  // All that while it was blocked: only now the loop comes free.
  expect(blocker.stdout()).not.toContain("over");
  await blocker.waitFor(/^over$/m);
  expect((await daemon.client.status.get.query()).counters.accepted).toBeGreaterThanOrEqual(10);
});
