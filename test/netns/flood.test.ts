import { realpath } from "node:fs/promises";
import { resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Daemon, ruleLine } from "../support/daemon.js";
import { createLab, type Lab } from "../support/netns.js";
import { ECHO_PORT, fetchPage, serve } from "../support/probes.js";
import { must } from "../support/process.js";
import { begin, watch } from "../support/scene.js";

const FLOOD = resolve("target/release/examples/flood");
const LOAD = resolve("target/release/examples/connect_load");
const DATAGRAMS = resolve("test/support/programs/datagrams.py");
const NOBODY = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"];
const LOAD_PORT = 9300;

let lab: Lab;
let python: string;
beforeAll(async () => {
  await must(["cargo", "build", "--quiet", "--locked", "--release", "-p", "fwcore", "--examples"], {
    timeoutMs: 300_000,
  });
  lab = await createLab();
  python = await realpath("/usr/bin/python3");
  // Answers to forged sources go back to where they came from, and end there.
  await lab.box.must(["ip", "route", "add", "default", "via", lab.peer.address.ipv4]);
  const server = lab.peer.start([LOAD, "serve", `${lab.peer.address.ipv4}:${LOAD_PORT}`]);
  await Promise.all([serve(lab.box), serve(lab.peer), server.waitFor(/^serving$/m)]);
}, 400_000);
afterAll(() => lab.close());

/** Connects one after the other; how many failed. */
async function failedConnections(count: number): Promise<number> {
  const load = [LOAD, "run", `${lab.peer.address.ipv4}:${LOAD_PORT}`, "1", String(count)];
  return (JSON.parse(await lab.box.must(load)) as { failed: number }).failed;
}

/** Packets that wait in the queues: the third column of the kernel's table. */
async function packetsHeld(): Promise<number> {
  const table = await lab.box.must(["cat", "/proc/net/netfilter/nfnetlink_queue"]);
  return table
    .trim()
    .split("\n")
    .reduce((sum, line) => sum + Number(line.trim().split(/\s+/)[2]), 0);
}

async function counters({ client }: Daemon) {
  return (await client.status.get.query()).counters;
}

const FLOODS = [
  { what: "100,000 forged SYNs from the network", from: "peer", flood: ["syn", "100000"] },
  { what: "100,000 forged datagrams from the network", from: "peer", flood: ["udp", "100000"] },
  { what: "100,000 datagrams of another user here", from: "box", flood: ["datagrams", "100000"] },
  { what: "5,000 datagrams of 60,000 bytes of another user here", from: "box", flood: ["datagrams", "5000", "60000"] },
] as const;

describe.each(FLOODS)("under $what", ({ from, flood: [kind, ...numbers] }) => {
  test("a ruled program connects, and afterwards no packet is left in a queue", async () => {
    const rules = [ruleLine({ direction: "outgoing", action: "ACCEPT", app: LOAD })];
    const { daemon } = await begin(lab.box, { rules });
    const target = from === "peer" ? lab.box : lab.peer;
    const command = [FLOOD, kind, target.address.ipv4, ...numbers];
    const flood = lab[from].must(from === "box" ? [...NOBODY, ...command] : command);
    expect(await failedConnections(200)).toBe(0);
    await flood;
    // What came last is judged last: a connection behind it is the event to wait for.
    expect(await failedConnections(20)).toBe(0);
    await expect.poll(packetsHeld, { timeout: 20_000 }).toBe(0);
    const { packets, panics } = await counters(daemon);
    expect(panics).toBe(0);
    expect(packets).toBeGreaterThan(1000);
  });
});

test("a user who sends on every CPU at once loses no packet of others, and each is named", async () => {
  const rules = [ruleLine({ direction: "outgoing", action: "ACCEPT", app: LOAD })];
  const { daemon } = await begin(lab.box, { rules });
  const cpus = (await lab.box.must(["nproc"])).trim();
  const floods = Array.from({ length: Number(cpus) }, (_, cpu) =>
    lab.box.must([...NOBODY, "taskset", "-c", String(cpu), FLOOD, "datagrams", lab.peer.address.ipv4, "200000"]),
  );
  expect(await failedConnections(1000)).toBe(0);
  await Promise.all(floods);
  const { queueDrops, socketDrops, unknown, exactMissed, packets } = await counters(daemon);
  expect({ queueDrops, socketDrops, unknown, exactMissed }).toEqual({
    queueDrops: 0,
    socketDrops: 0,
    unknown: 0,
    exactMissed: 0,
  });
  expect(packets).toBeGreaterThan(1000);
});

test("a flood of one program to one destination is one question, what finds no place is counted, others pass", async () => {
  const config = { default_output_action: "ASK", unattended_action: "ASK" };
  const rules = [ruleLine({ direction: "outgoing", action: "ACCEPT", app: LOAD })];
  const { daemon } = await begin(lab.box, { config, rules });
  const questions = await watch(daemon, "queries");
  const script = `
import socket
sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(1500)]
for sender in sockets:
    sender.sendto(b"x", ("${lab.peer.address.ipv4}", 5555))
`;
  await lab.box.must(["prlimit", "--nofile=4096", python, "-c", script]);
  const { query } = await questions.next("query-opened");
  expect(query.app.path).toBe(python);
  expect(await failedConnections(50)).toBe(0);
  const open = await daemon.client.queries.list.query();
  expect(open.map(({ id, count }) => ({ id, count }))).toEqual([{ id: query.id, count: 1024 }]);
  expect((await counters(daemon)).overflowed).toBe(1500 - 1024);
  expect(await packetsHeld()).toBe(1024);
  await daemon.fwctl(["deny", String(query.id), "--once"]);
  await expect.poll(packetsHeld, { timeout: 20_000 }).toBe(0);
});

test("with overflow_action ACCEPT what finds no place passes", async () => {
  const config = { default_output_action: "ASK", unattended_action: "ASK", overflow_action: "ACCEPT" };
  const { daemon } = await begin(lab.box, { config });
  const questions = await watch(daemon, "queries");
  const script = `
import socket
sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(1025)]
for sender in sockets:
    sender.sendto(b"x", ("${lab.peer.address.ipv4}", ${ECHO_PORT}))
sockets[1024].settimeout(10)
print(sockets[1024].recv(10).decode())
`;
  expect((await lab.box.must(["prlimit", "--nofile=4096", python, "-c", script])).trim()).toBe("x");
  const { query } = await questions.next("query-opened");
  expect((await counters(daemon)).overflowed).toBe(1);
  await daemon.fwctl(["deny", String(query.id), "--once"]);
});

test.each(["ipv4", "ipv6"] as const)("datagrams of any size pass whole over %s", async (family) => {
  const rules = [ruleLine({ direction: "outgoing", protocol: "udp", action: "ACCEPT", app: python })];
  await begin(lab.box, { rules });
  const send = (...args: string[]) => lab.box.must([python, DATAGRAMS, ...args]);
  const address = lab.peer.address[family];
  for (const size of [1, 1472, 4000, 60_000]) {
    expect(Number(await send("echo", address, String(ECHO_PORT), String(size))), `${size} bytes`).toBe(size);
  }
  expect(Number(await send("segments", address, String(ECHO_PORT), "30", "1000"))).toBe(30);
});

test("a server answers under a flood of SYNs to ports that nobody may reach", async () => {
  await begin(lab.box, { rules: [ruleLine({ direction: "incoming", protocol: "tcp", port: "80", action: "ACCEPT" })] });
  const flood = lab.peer.must([FLOOD, "syn", lab.box.address.ipv4, "50000"]);
  expect(await fetchPage(lab.peer, lab.box.address.ipv4, { seconds: 20 })).toBe("passed");
  await flood;
});
