import { availableParallelism } from "node:os";
import { afterAll, beforeAll, describe, expect, onTestFinished, type TestContext, test } from "vitest";
import { ruleLine } from "../support/daemon.js";
import type { Follower } from "../support/follow.js";
import { createLab, type Host, type Lab } from "../support/netns.js";
import { begin, watch } from "../support/scene.js";
import {
  BULK,
  CONTAINER,
  container,
  type Direction,
  DUPLEX,
  documented,
  FENCE,
  GUARDED,
  hold,
  lack,
  listen,
  ownProgram,
  PACKET,
  PYTHON,
  RECEIVING,
  type Road,
  SCTP,
  SENDING,
  type Sending,
  send,
  type Witness,
  witness,
} from "../support/ways.js";

/** Everybody passes whom no rule stops. */
const OPEN = { default_input_action: "ACCEPT", default_output_action: "ACCEPT", exempt_loopback: "no" };
const LISTENING = 9204;
/** The source port of what send.py writes by hand. */
const OWN_PORT = 40000;
const NOTHING = { packets: 0, bytes: 0 };

/** Two programs do the same, each at an address of its own: the first is watched or stopped, the other passes beside it. */
type Stage = { from: Host; source: string; first: string; other: string; seen: Witness };

let lab: Lab;
beforeAll(async () => {
  lab = await createLab();
  for (const { must, address } of [lab.box, lab.peer]) {
    await must(["ip", "address", "add", `${second(address.ipv4)}/24`, "dev", "eth0"]);
    // Not one to send from.
    await must(["ip", "address", "add", `${second(address.ipv6)}/64`, "dev", "eth0", "nodad", "preferred_lft", "0"]);
  }
});
afterAll(() => lab.close());

/** Another address of the same host: 10.77.1.1 and 10.77.1.101, fd77:1::1 and fd77:1::101. */
function second(address: string): string {
  return address.replace(/(\d)$/, "10$1");
}

async function stageFor(road: Road = "ipv4", from = lab.box): Promise<Stage> {
  if (road === "loopback") {
    const seen = await witness(from, "lo", "127.0.0.2");
    return { from, source: "127.0.0.1", first: "127.0.0.1", other: "127.0.0.2", seen };
  }
  const first = lab.peer.address[road];
  const seen = await witness(lab.peer, "eth0", second(first));
  return { from, source: from.address[road], first, other: second(first), seen };
}

/** The programs of all verdicts so far about flows to an address. */
function programsIn(events: Follower, direction: Direction, address: string): string[] {
  const paths = events.seen().flatMap((event) => {
    if (event.type !== "verdict" || event.flow.direction !== direction) return [];
    const { ip, port } = event.flow.destination;
    return ip === address && port !== FENCE ? [event.app.path] : [];
  });
  return [...new Set(paths)];
}

async function skipWhereLacking(way: string, { skip }: TestContext): Promise<void> {
  const lacking = await lack(way);
  if (lacking === undefined) return;
  console.log(lacking);
  skip(lacking);
}

async function isNamed(sending: Sending, { from, source, first, seen }: Stage): Promise<void> {
  const program = await ownProgram("sender");
  const { daemon } = await begin(from, { config: OPEN });
  const events = await watch(daemon, "events");
  const { sent, said } = await send(from, program, sending, first);
  expect(said).toBe("");
  expect((await seen.arrivals(from))(source, first).bytes).toBeGreaterThanOrEqual(sent);
  // The fence's own verdicts come after those of all that was sent before it.
  for (let cpu = 0; cpu < availableParallelism(); cpu++) {
    await events.next("verdict", ({ flow }) => flow.destination.port === FENCE);
  }
  expect(programsIn(events, "outgoing", first)).toEqual([program]);
}

async function isStopped(sending: Sending, { from, source, first, other, seen }: Stage): Promise<void> {
  const stopped = await ownProgram("stopped");
  const passing = await ownProgram("passing");
  const { daemon } = await begin(from, {
    config: OPEN,
    rules: [ruleLine({ direction: "outgoing", action: "DROP", app: stopped })],
  });
  const events = await watch(daemon, "events");
  const [, { sent, said }] = await Promise.all([
    send(from, stopped, sending, first),
    send(from, passing, sending, other),
  ]);
  expect(said).toBe("");
  const arrived = await seen.arrivals(from);
  expect(arrived(source, first)).toEqual(NOTHING);
  expect(arrived(source, other).bytes).toBeGreaterThanOrEqual(sent);
  // It did send.
  await events.next("verdict", ({ app, verdict }) => app.path === stopped && verdict === "DROP");
}

describe("the program is named that sends by", () => {
  test.for([...SENDING, SCTP])("$name", async (sending, context) => {
    await skipWhereLacking(sending.way, context);
    await isNamed(sending, await stageFor(sending.over));
  });

  test(GUARDED.name, async () => {
    await isNamed(GUARDED, await stageFor("ipv4", await container(lab.box, lab.peer)));
  });
});

describe("not one packet passes, and others do, when a rule drops the program that sends by", () => {
  test.for([...SENDING, SCTP])("$name", async (sending, context) => {
    await skipWhereLacking(sending.way, context);
    await isStopped(sending, await stageFor(sending.over));
  });

  test(GUARDED.name, async () => {
    await isStopped(GUARDED, await stageFor("ipv4", await container(lab.box, lab.peer)));
  });
});

describe("the program is named that receives by", () => {
  test.for(RECEIVING)("$name", async ({ name, way, feed, over = "ipv4" }, context) => {
    await skipWhereLacking(way, context);
    const program = await ownProgram("receiver");
    const { daemon } = await begin(lab.box, { config: OPEN });
    const events = await watch(daemon, "events");
    const address = lab.box.address[over];
    const listener = await listen(lab.box, program, way, address, LISTENING);
    const { sent } = await send(lab.peer, PYTHON, { name, way: feed, port: LISTENING }, address);
    expect(sent).toBeGreaterThan(0);
    await listener.hasGot(sent);
    await events.next("verdict", ({ flow }) => flow.direction === "incoming" && flow.destination.port === LISTENING);
    expect(programsIn(events, "incoming", address)).toEqual([program]);
  });
});

describe("not one byte reaches, while others get theirs, the program that a rule drops and that receives by", () => {
  test.for(RECEIVING)("$name", async ({ name, way, feed, over = "ipv4" }, context) => {
    await skipWhereLacking(way, context);
    const stopped = await ownProgram("stopped");
    const passing = await ownProgram("passing");
    const { daemon } = await begin(lab.box, {
      config: OPEN,
      rules: [ruleLine({ direction: "incoming", action: "DROP", app: stopped })],
    });
    const events = await watch(daemon, "events");
    const first = lab.box.address[over];
    const other = second(first);
    const answers = await witness(lab.peer, "eth0", lab.peer.address.ipv4);
    const judged = await witness(lab.box, "eth0", lab.box.address.ipv4);
    const deaf = await listen(lab.box, stopped, way, first, LISTENING);
    const listener = await listen(lab.box, passing, way, other, LISTENING);
    const feeding = { name, way: feed, port: LISTENING };
    const [, { sent, said }] = await Promise.all([
      send(lab.peer, PYTHON, feeding, first),
      send(lab.peer, PYTHON, feeding, other),
    ]);
    expect(said).toBe("");
    await listener.hasGot(sent);
    await judged.arrivals(lab.peer);
    expect(await deaf.end()).toBe(0);
    expect((await answers.arrivals(lab.box))(first, lab.peer.address[over])).toEqual(NOTHING);
    await events.next("verdict", ({ app, verdict }) => app.path === stopped && verdict === "DROP");
  });
});

test("a raw socket that writes the ends of another program's connection is not taken for that program", async () => {
  const connects = await ownProgram("connects");
  const forges = await ownProgram("forges");
  const { source, first, seen } = await stageFor();
  const { daemon } = await begin(lab.box, { config: OPEN });
  const events = await watch(daemon, "events");
  await send(lab.box, connects, { ...DUPLEX, way: "first-of-raw-tcp" }, first);
  expect((await seen.arrivals(lab.box))(source, first).bytes).toBe(1);
  expect(programsIn(events, "outgoing", first)).toEqual([connects]);
  const { sent } = await send(lab.box, forges, { ...DUPLEX, way: "raw-tcp" }, first);
  expect((await seen.arrivals(lab.box))(source, first).bytes).toBe(sent);
  const programs = [];
  for (let packet = 0; packet < 5; packet++) {
    const { app, flow } = await events.next("verdict", ({ flow }) => flow.destination.port === DUPLEX.port);
    programs.push([flow.source.port, app.path]);
  }
  expect(programs).toEqual([
    [OWN_PORT, connects],
    [OWN_PORT, "unknown"],
    [OWN_PORT + 1, forges],
    [OWN_PORT + 2, forges],
    [OWN_PORT + 3, forges],
  ]);
});

describe("beyond the hooks", () => {
  test("what a raw socket writes into the allowed connection of another passes with it, and nothing else of it", async () => {
    const holds = await ownProgram("holds");
    const forges = await ownProgram("forges");
    const { source, first, seen } = await stageFor();
    const { daemon } = await begin(lab.box, {
      config: OPEN,
      rules: [ruleLine({ direction: "outgoing", action: "DROP", app: forges })],
    });
    const events = await watch(daemon, "events");
    await hold(lab.box, holds, first);
    const { sent } = await send(lab.box, forges, { ...BULK, way: "raw-tcp" }, first);
    // One of the four that it sent.
    expect((await seen.arrivals(lab.box))(source, first).bytes).toBe(sent / 4);
    for (const port of [1, 2, 3].map((more) => OWN_PORT + more)) {
      const { verdict } = await events.next("verdict", ({ flow }) => flow.source.port === port);
      expect(verdict).toBe("DROP");
    }
  });

  test("what another network namespace sends to this machine is named and stopped by who listens", async () => {
    const from = await container(lab.box, lab.peer);
    const stopped = await ownProgram("stopped");
    const passing = await ownProgram("passing");
    const rules = [ruleLine({ direction: "incoming", action: "DROP", app: stopped })];
    const { daemon } = await begin(lab.box, { config: OPEN, rules });
    const events = await watch(daemon, "events");
    const deaf = await listen(lab.box, stopped, "accept", lab.box.address.ipv4, LISTENING);
    const listener = await listen(lab.box, passing, "accept", second(lab.box.address.ipv4), LISTENING);
    const feeding = { ...BULK, port: LISTENING };
    expect((await send(from, PYTHON, feeding, lab.box.address.ipv4)).sent).toBe(0);
    await listener.hasGot((await send(from, PYTHON, feeding, second(lab.box.address.ipv4))).sent);
    expect(await deaf.end()).toBe(0);
    await events.next("verdict", ({ app }) => app.path === passing);
    expect(programsIn(events, "incoming", lab.box.address.ipv4)).toEqual([stopped]);
    expect(programsIn(events, "incoming", second(lab.box.address.ipv4))).toEqual([passing]);
  });

  test.each([PACKET, CONTAINER])("what is sent by $name passes, and nobody is told", async (sending) => {
    const from = sending === CONTAINER ? await container(lab.box, lab.peer) : lab.box;
    const { source, first, seen } = await stageFor("ipv4", from);
    const program = await ownProgram("stopped");
    const { daemon } = await begin(lab.box, {
      config: OPEN,
      rules: [ruleLine({ action: "DROP", app: program })],
    });
    const events = await watch(daemon, "events");
    const { sent } = await send(from, program, sending, first);
    expect(sent).toBeGreaterThan(0);
    expect((await seen.arrivals(from))(source, first).bytes).toBeGreaterThanOrEqual(sent);
    const { counters } = await daemon.client.status.get.query();
    expect(counters.dropped).toBe(0);
    expect(programsIn(events, "outgoing", first)).toEqual([]);
  });

  test("nftables stops AF_PACKET on its way to the device, for every program", async () => {
    const program = await ownProgram("stopped");
    const { source, first, seen } = await stageFor();
    const chain = `chain egress {\ntype filter hook egress device "eth0" priority 0;\nudp sport ${OWN_PORT} drop\n}`;
    await lab.box.must(["nft", "-f", "-"], { input: `table netdev ways {\n${chain}\n}\n` });
    onTestFinished(async () => {
      await lab.box.must(["nft", "delete", "table", "netdev", "ways"]);
    });
    // The device tells the sender that it has no room.
    expect((await send(lab.box, program, PACKET, first)).said).toContain("No buffer space available");
    expect((await seen.arrivals(lab.box))(source, first)).toEqual(NOTHING);
  });

  test("AF_PACKET is not for programs without CAP_NET_RAW", async () => {
    const unprivileged = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--bounding-set=-net_raw"];
    const open = "import socket; socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM)";
    const { code, stderr } = await lab.box.run([...unprivileged, PYTHON, "-c", open]);
    expect([code, stderr]).toEqual([1, expect.stringContaining("Operation not permitted")]);
  });
});

test("docs/ways.md says of each way what is tested here, and of no other", async () => {
  const seen = [...SENDING, SCTP, GUARDED, ...RECEIVING].map(({ name }) => ({ name, named: "yes", stopped: "yes" }));
  const unseen = [PACKET, CONTAINER].map(({ name }) => ({ name, named: "no", stopped: "no" }));
  const byName = (one: { name: string }, another: { name: string }) => (one.name < another.name ? -1 : 1);
  expect((await documented()).sort(byName)).toEqual([...seen, ...unseen].sort(byName));
});
