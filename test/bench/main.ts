import { writeFile } from "node:fs/promises";
import { cpus, release } from "node:os";
import { parseArgs } from "node:util";
import { z } from "zod";
import { createLab, type Lab } from "../support/netns.js";
import { CONNECT_LOAD, CONTENDERS, type Contender } from "./contenders.js";
import { type Row, table } from "./report.js";

const PORT = 7100;
const Load = z.object({
  connections: z.number(),
  failed: z.number(),
  seconds: z.number(),
  p50_us: z.number(),
  p99_us: z.number(),
});

const { values: options } = parseArgs({
  options: {
    rounds: { type: "string", default: "5" },
    connections: { type: "string", default: "6000" },
    json: { type: "string" },
  },
});
const rounds = Number(options.rounds);
const connections = Number(options.connections);

const row = (what: string, unit: string): Row => {
  return { what, unit, values: Object.fromEntries(CONTENDERS.map(({ name }) => [name, []])) };
};
const rate = row("connections a second, 64 at a time", "1/s");
const latency = row("p50 of one connect after another", "µs");

/** In turns, so that what else the machine does meets everyone alike; each round begins with another one. */
async function measure(lab: Lab): Promise<void> {
  const server = lab.peer.start([CONNECT_LOAD, "serve", `0.0.0.0:${PORT}`]);
  await server.waitFor(/serving/);
  // Ports in TIME_WAIT must not run out.
  await lab.box.must(["sysctl", "-qw", "net.ipv4.ip_local_port_range=1024 65535", "net.ipv4.tcp_tw_reuse=1"]);
  for (let round = 0; round < rounds; round += 1) {
    for (let turn = 0; turn < CONTENDERS.length; turn += 1) {
      const contender = CONTENDERS[(round + turn) % CONTENDERS.length];
      if (contender === undefined) continue;
      const { perSecond, p50 } = await measureOnce(lab, contender);
      rate.values[contender.name]?.push(perSecond);
      latency.values[contender.name]?.push(p50);
      console.error(`round ${round + 1} of ${rounds}, ${contender.name}: ${Math.round(perSecond)}/s, ${p50} µs`);
    }
  }
}

async function measureOnce(lab: Lab, contender: Contender): Promise<{ perSecond: number; p50: number }> {
  const leave = await contender.enter(lab);
  await load(lab, 64, Math.min(connections, 500));
  const many = await load(lab, 64, connections);
  const single = await load(lab, 1, Math.ceil(connections / 4));
  await leave();
  // The closed connections stay tracked for minutes; the next turn shall not pay for them.
  await lab.box.must(["conntrack", "-F"]);
  return { perSecond: many.connections / many.seconds, p50: single.p50_us };
}

async function load({ box, peer }: Lab, atATime: number, total: number): Promise<z.infer<typeof Load>> {
  const argv = [CONNECT_LOAD, "run", `${peer.address.ipv4}:${PORT}`, String(atATime), String(total)];
  const result = Load.parse(JSON.parse(await box.must(argv)));
  if (result.failed > 0) throw new Error(`${result.failed} of ${total} connections failed`);
  return result;
}

const lab = await createLab();
try {
  await measure(lab);
} finally {
  await lab.close();
}
const names = CONTENDERS.map(({ name }) => name);
const [, baseline = "", ours = ""] = names;
const rows = [rate, latency];
console.log(table(rows, names, baseline, ours));
const machine = { kernel: release(), cpus: cpus().length, cpu: cpus()[0]?.model ?? "unknown", rounds, connections };
console.log(
  `${machine.cpus} CPUs, Linux ${machine.kernel}, ${rounds} rounds of ${connections} connections: median (lowest–highest)`,
);
if (options.json !== undefined) await writeFile(options.json, `${JSON.stringify({ machine, rows }, null, 2)}\n`);
