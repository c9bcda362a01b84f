import type { Lab } from "../../support/netns.js";
import { desktopfw, desktopfwProc, noFilter, underLoad } from "../contenders.js";
import { load } from "../load.js";
import { ratio } from "../report.js";
import { type Bench, inTurns } from "../turns.js";

const DESCRIPTORS = 20_000;
const HOLDER = `
import signal, socket
held = []
try:
    while True:
        held.append(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
except OSError:
    pass
print("holding", flush=True)
signal.pause()
`;

export const descriptors: Bench = {
  name: "descriptors",
  measure: async ({ lab, opensnitch, rounds, connections }) => {
    const proc = { ...desktopfwProc, slower: 4 };
    const all = [noFilter, desktopfw, proc, ...(opensnitch === undefined ? [] : [{ ...opensnitch, maxRounds: 2 }])];
    const values = await inTurns("descriptors", rounds, all, (contender) =>
      underLoad(lab, contender, async () => {
        const total = Math.ceil((connections * 2) / (contender.slower ?? 1));
        await load(lab, 1, Math.min(total, 500));
        const without = await load(lab, 1, total);
        const release = await hold(lab);
        const beside = await load(lab, 1, total);
        await release();
        return { [`${contender.name}, without`]: without.p99_us, [`${contender.name}, beside`]: beside.p99_us };
      }),
    );
    return {
      name: "descriptors",
      what: `p99 of connect beside a process that holds ${DESCRIPTORS.toLocaleString("en-US")} descriptors, and without it`,
      unit: "µs",
      values,
      budgets: [desktopfw, desktopfwProc].map(({ name }) => ({
        what: `${name}, beside / without`,
        reached: ratio(values, `${name}, beside`, `${name}, without`),
        atMost: 2,
      })),
    };
  },
};

async function hold({ box }: Lab): Promise<() => Promise<void>> {
  const holder = box.start(["prlimit", `--nofile=${DESCRIPTORS}`, "/usr/bin/python3", "-c", HOLDER]);
  await holder.waitFor(/holding/);
  return async () => {
    holder.kill();
    await holder.finished;
  };
}
