import { availableParallelism } from "node:os";
import { resolve } from "node:path";
import type { Host, Lab } from "../../support/netns.js";
import { type Contender, contenders, desktopfw, noFilter, underLoad } from "../contenders.js";
import { load } from "../load.js";
import { ratio } from "../report.js";
import { type Bench, inTurns } from "../turns.js";

const FLOOD = resolve("target/release/examples/flood");
/** Bounded, and more than is sent while the load runs: what is left then is not sent any more. */
const PACKETS = 3_000_000;
/** In seconds: a firewall that is slower than that under a flood has let it win. */
const LIMIT = 10;
const ON_EACH_CPU = "datagrams of another user on each CPU";
const NOBODY = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"];

/** `against` is what it is measured by where that is not desktopfw at rest. */
type Flood = { name: string; against?: { who: Contender; when: string }; start(lab: Lab): ReturnType<Host["start"]>[] };
const FLOODS: readonly Flood[] = [
  {
    name: "SYNs from the network",
    start: ({ box, peer }) => [peer.start([FLOOD, "syn", box.address.ipv4, String(PACKETS)])],
  },
  {
    name: "datagrams of another user",
    start: ({ box, peer }) => [box.start([...NOBODY, FLOOD, "datagrams", peer.address.ipv4, String(PACKETS)])],
  },
  {
    name: ON_EACH_CPU,
    // The load has no CPU of its own then: without any filter too its p99 is many times that at rest.
    against: { who: noFilter, when: ON_EACH_CPU },
    start: ({ box, peer }) =>
      Array.from({ length: availableParallelism() }, (_, cpu) => {
        const send = [FLOOD, "datagrams", peer.address.ipv4, String(PACKETS)];
        return box.start([...NOBODY, "taskset", "-c", String(cpu), ...send]);
      }),
  },
];

export const floods: Bench = {
  name: "floods",
  measure: async ({ lab, opensnitch, rounds, connections }) => {
    // Answers to forged sources go back to where they came from, and end there.
    await lab.box.must(["ip", "route", "replace", "default", "via", lab.peer.address.ipv4]);
    const all = contenders(opensnitch).map((one) => (one === opensnitch ? { ...one, maxRounds: 1 } : one));
    const values = await inTurns("floods", rounds, all, (contender) =>
      underLoad(lab, contender, () => turn(lab, contender, connections)),
    );
    return {
      name: "floods",
      what: "p99 of ruled connections during floods of new flows, and without",
      unit: "µs",
      values,
      budgets: FLOODS.map(({ name, against = { who: desktopfw, when: "quiet" } }) => ({
        what: `desktopfw, ${name} / ${against.who.name}, ${against.when}`,
        reached: ratio(values, `${desktopfw.name}, ${name}`, `${against.who.name}, ${against.when}`),
        atMost: 5,
      })),
    };
  },
};

async function turn(lab: Lab, { name, slower = 1 }: Contender, connections: number): Promise<Record<string, number>> {
  const total = Math.ceil(connections / slower);
  await load(lab, 1, Math.min(total, 500));
  const measured = { [`${name}, quiet`]: (await load(lab, 1, total)).p99_us };
  for (const flood of FLOODS) {
    const running = flood.start(lab);
    await Promise.all(running.map((one) => one.waitFor(/flooding/)));
    try {
      measured[`${name}, ${flood.name}`] = (await load(lab, 1, total, LIMIT)).p99_us;
      if (running.some((one) => /sent/.test(one.stdout())))
        console.error(`${name}: the flood of ${flood.name} ended before the load`);
    } catch (error) {
      if (name === desktopfw.name) throw error;
      console.error(`${name}, ${flood.name}: not measured, the connections did not end within ${LIMIT} s`);
    }
    for (const one of running) one.kill();
    await Promise.all(running.map(({ finished }) => finished));
  }
  return measured;
}
