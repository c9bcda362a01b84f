import { type Contender, desktopfw, underLoad } from "../contenders.js";
import { load } from "../load.js";
import { ratio } from "../report.js";
import { type Bench, inTurns } from "../turns.js";

type Variant = { name: string; contender: Contender; others: number; maxRounds?: number };

function variant(contender: Contender, rules: number): Variant {
  const name = `${contender.name}, ${rules.toLocaleString("en-US")} ${rules === 1 ? "rule" : "rules"}`;
  return { name, contender, others: rules - 1 };
}

const ONE = variant(desktopfw, 1);
const MANY = [variant(desktopfw, 10_000), variant(desktopfw, 100_000)];

export const rules: Bench = {
  name: "rules",
  measure: async ({ lab, opensnitch, rounds, connections }) => {
    const rival = opensnitch === undefined ? [] : [variant(opensnitch, 1), variant(opensnitch, 10_000)];
    const variants = [ONE, ...MANY, ...rival.map((one) => ({ ...one, maxRounds: 2 }))];
    const values = await inTurns("rules", rounds, variants, ({ name, contender, others }) =>
      underLoad(
        lab,
        contender,
        async () => {
          const total = Math.ceil(connections / 2 / (contender.slower ?? 1));
          await load(lab, 1, Math.min(total, 500));
          return { [name]: (await load(lab, 1, total)).p50_us };
        },
        { others },
      ),
    );
    return {
      name: "rules",
      what: "p50 of one connect after another with many rules",
      unit: "µs",
      values,
      budgets: MANY.map(({ name }) => ({
        what: `${name} / 1 rule`,
        reached: ratio(values, name, ONE.name),
        atMost: 1.1,
      })),
    };
  },
};
