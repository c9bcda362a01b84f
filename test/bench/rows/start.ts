import { desktopfw, during } from "../contenders.js";
import { summarise } from "../report.js";
import { type Bench, inTurns } from "../turns.js";

const RULES = 10_000;

export const start: Bench = {
  name: "start",
  measure: async ({ lab, opensnitch, rounds }) => {
    const all = [desktopfw, ...(opensnitch === undefined ? [] : [{ ...opensnitch, maxRounds: 2 }])];
    const values = await inTurns("start", rounds, all, (contender) =>
      during(lab, contender, async ({ seconds }) => ({ [contender.name]: seconds }), { others: RULES - 1 }),
    );
    const reached = summarise(values[desktopfw.name] ?? []).median;
    return {
      name: "start",
      what: `start until filtering with ${RULES.toLocaleString("en-US")} rules`,
      unit: "s",
      values,
      budgets: [{ what: "desktopfw", reached, atMost: 0.5 }],
    };
  },
};
