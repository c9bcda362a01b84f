import { writeFile } from "node:fs/promises";
import { cpus, release } from "node:os";
import { parseArgs } from "node:util";
import { createLab } from "../support/netns.js";
import { serveLoad } from "./load.js";
import { findOpensnitch } from "./opensnitch.js";
import { type Row, table, verdict } from "./report.js";
import { BENCHES } from "./rows/index.js";

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: "string", default: "5" },
    connections: { type: "string", default: "6000" },
    json: { type: "string" },
  },
});
const rounds = Number(options.rounds);
const connections = Number(options.connections);

/** The rows that were measured; one that fails is told and left out, so that the others are not lost. */
async function measure(wanted: readonly string[]): Promise<Row[]> {
  const chosen = BENCHES.filter(({ name }) => wanted.length === 0 || wanted.includes(name));
  const lab = await createLab();
  const rows: Row[] = [];
  try {
    await serveLoad(lab);
    const opensnitch = await findOpensnitch(lab);
    for (const bench of chosen) {
      try {
        rows.push(await bench.measure({ lab, opensnitch, rounds, connections }));
      } catch (error) {
        console.error(`${bench.name} was not measured: ${error instanceof Error ? error.message : String(error)}`);
        process.exitCode = 1;
      }
    }
  } finally {
    await lab.close();
  }
  return rows;
}

const unknown = positionals.filter((name) => !BENCHES.some((bench) => bench.name === name));
if (unknown.length > 0) {
  console.error(`bench: no row ${unknown.join(", ")}; there are: ${BENCHES.map(({ name }) => name).join(", ")}`);
  process.exit(2);
}
const rows = await measure(positionals);
const machine = { kernel: release(), cpus: cpus().length, cpu: cpus()[0]?.model ?? "unknown", rounds, connections };
console.log(table(rows));
console.log(`${machine.cpus} CPUs, Linux ${machine.kernel}, ${rounds} rounds, ${connections} connections`);
if (options.json !== undefined) {
  const judged = rows.map((row) => ({
    ...row,
    budgets: row.budgets.map((budget) => ({ ...budget, verdict: verdict(budget) })),
  }));
  await writeFile(options.json, `${JSON.stringify({ machine, rows: judged }, null, 2)}\n`);
}
