import { acceptAll, contenders, desktopfw, underLoad } from "../contenders.js";
import { load } from "../load.js";
import { ratio } from "../report.js";
import { type Bench, inTurns } from "../turns.js";

export const single: Bench = {
  name: "single",
  measure: async ({ lab, opensnitch, rounds, connections }) => {
    const values = await inTurns("single", rounds, contenders(opensnitch), (contender) =>
      underLoad(lab, contender, async () => {
        const total = Math.ceil(connections / 2 / (contender.slower ?? 1));
        await load(lab, 1, Math.min(total, 500));
        return { [contender.name]: (await load(lab, 1, total)).p50_us };
      }),
    );
    return {
      name: "single",
      what: "p50 of one connect after another",
      unit: "µs",
      values,
      budgets: [
        { what: "desktopfw / accepts everything", reached: ratio(values, desktopfw.name, acceptAll.name), atMost: 1.3 },
      ],
    };
  },
};
