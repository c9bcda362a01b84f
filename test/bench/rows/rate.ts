import { acceptAll, contenders, desktopfw, underLoad } from "../contenders.js";
import { load } from "../load.js";
import { ratio } from "../report.js";
import { type Bench, inTurns } from "../turns.js";

const AT_A_TIME = 64;

export const rate: Bench = {
  name: "rate",
  measure: async ({ lab, opensnitch, rounds, connections }) => {
    const values = await inTurns("rate", rounds, contenders(opensnitch), (contender) =>
      underLoad(lab, contender, async () => {
        const total = Math.ceil(connections / (contender.slower ?? 1));
        await load(lab, AT_A_TIME, Math.min(total, 500));
        const result = await load(lab, AT_A_TIME, total);
        return { [contender.name]: result.connections / result.seconds };
      }),
    );
    return {
      name: "rate",
      what: `connections a second, ${AT_A_TIME} at a time`,
      unit: "1/s",
      values,
      budgets: [
        {
          what: "desktopfw / accepts everything",
          reached: ratio(values, desktopfw.name, acceptAll.name),
          atLeast: 0.8,
        },
        { what: "desktopfw / OpenSnitch", reached: ratio(values, desktopfw.name, "OpenSnitch"), atLeast: 10 },
      ],
    };
  },
};
