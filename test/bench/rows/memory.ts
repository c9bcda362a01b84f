import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { createSite, startDaemon } from "../../support/daemon.js";
import type { Lab } from "../../support/netns.js";
import { desktopfw, during } from "../contenders.js";
import { summarise } from "../report.js";
import { ruleLines } from "../rulesets.js";
import { type Bench, inTurns, sleep } from "../turns.js";

const RULES = 10_000;
const FLOOD = resolve("target/release/examples/flood");
const FLOWS = 500_000;
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
    const [half, whole] = await afterFlows(lab);
    return {
      name: "memory",
      what: `resident memory with ${RULES.toLocaleString("en-US")} rules`,
      unit: "MB",
      values: {
        ...values,
        [`${desktopfw.name}, after 500,000 flows`]: [half],
        [`${desktopfw.name}, after 1,000,000 flows`]: [whole],
      },
      budgets: [
        { what: "desktopfw, at rest", reached, atMost: 90 },
        { what: "desktopfw, after 1,000,000 flows", reached: whole, atMost: 90 },
        { what: "desktopfw, after 1,000,000 flows / after 500,000", reached: whole / half, atMost: 1.05 },
      ],
    };
  },
};

/** What a daemon holds after half a million judged flows of different ends, and after as many again. */
async function afterFlows({ box, peer }: Lab): Promise<[half: number, whole: number]> {
  // No rule is about it: each flow is looked up, dropped by default and remembered.
  const site = await createSite({ rules: ruleLines([], RULES) });
  const daemon = await startDaemon(box, site);
  const judged = async () => (await daemon.client.status.get.query()).counters.packets;
  const reach = async (wanted: number) => {
    while ((await judged()) < wanted) await box.must([FLOOD, "datagrams", peer.address.ipv4, "100000"]);
    return settled(daemon.process.pid);
  };
  try {
    return [await reach(FLOWS), await reach(2 * FLOWS)];
  } finally {
    await daemon.stop();
    await site.remove();
  }
}

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
