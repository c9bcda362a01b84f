import { readFile } from "node:fs/promises";
import { desktopfw, during } from "../contenders.js";
import { summarise } from "../report.js";
import { type Bench, inTurns, sleep } from "../turns.js";

const RULES = 10_000;
/** It is at rest once it has not fallen by a hundredth for so many seconds. */
const STEADY_SECONDS = 8;
const MOST_SECONDS = 40;

export const memory: Bench = {
  name: "memory",
  measure: async ({ lab, opensnitch, rounds }) => {
    const all = [desktopfw, ...(opensnitch === undefined ? [] : [{ ...opensnitch, maxRounds: 1 }])];
    const values = await inTurns("memory", Math.min(rounds, 3), all, (contender) =>
      during(
        lab,
        contender,
        async ({ pid }) => {
          const atRest = await settled(pid);
          const peak = await megabytes(pid, "VmHWM");
          return { [`${contender.name}, at rest`]: atRest, [`${contender.name}, peak`]: peak };
        },
        { others: RULES - 1 },
      ),
    );
    const reached = summarise(values[`${desktopfw.name}, at rest`] ?? []).median;
    return {
      name: "memory",
      what: `resident memory with ${RULES.toLocaleString("en-US")} rules`,
      unit: "MB",
      values,
      budgets: [{ what: "desktopfw, at rest", reached, atMost: 90 }],
    };
  },
};

async function settled(pid: number): Promise<number> {
  let lowest = await megabytes(pid, "VmRSS");
  let steady = 0;
  for (let second = 0; second < MOST_SECONDS && steady < STEADY_SECONDS; second += 1) {
    await sleep(1);
    const now = await megabytes(pid, "VmRSS");
    steady = now < lowest * 0.99 ? 0 : steady + 1;
    lowest = Math.min(lowest, now);
  }
  return megabytes(pid, "VmRSS");
}

/** In units of 1,000,000 bytes. */
async function megabytes(pid: number, field: "VmRSS" | "VmHWM"): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, "utf8");
  return (Number(new RegExp(`^${field}:\\s+(\\d+) kB$`, "m").exec(status)?.[1]) * 1024) / 1e6;
}
