import { readdir, readFile } from "node:fs/promises";
import { desktopfw, during } from "../contenders.js";
import { summarise } from "../report.js";
import { type Bench, inTurns, sleep } from "../turns.js";

/** In seconds: V8 collects what starting left behind in the first ones. */
const SETTLE_SECONDS = 30;
const SECONDS = 20;

export const wakeups: Bench = {
  name: "wakeups",
  measure: async ({ lab, opensnitch }) => {
    const all = [desktopfw, ...(opensnitch === undefined ? [] : [opensnitch])];
    const values = await inTurns("wakeups", 1, all, (contender) =>
      during(lab, contender, async ({ pid }) => {
        await sleep(SETTLE_SECONDS);
        const before = await switches(pid);
        await sleep(SECONDS);
        return { [contender.name]: ((await switches(pid)) - before) / SECONDS };
      }),
    );
    const reached = summarise(values[desktopfw.name] ?? []).median;
    return {
      name: "wakeups",
      what: `wakeups of an idle daemon, all threads, over ${SECONDS} s`,
      unit: "1/s",
      values,
      budgets: [{ what: "desktopfw", reached, atMost: 1 }],
    };
  },
};

/** How often its threads have gone to sleep by themselves: as often as they were woken. */
async function switches(pid: number): Promise<number> {
  const tasks = await readdir(`/proc/${pid}/task`);
  const counts = tasks.map(async (task) => {
    const status = await readFile(`/proc/${pid}/task/${task}/status`, "utf8");
    return Number(/^voluntary_ctxt_switches:\s+(\d+)$/m.exec(status)?.[1]);
  });
  return (await Promise.all(counts)).reduce((sum, count) => sum + count, 0);
}
