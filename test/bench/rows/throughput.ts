import { z } from "zod";
import { contenders, desktopfw, noFilter, tracksOnly, underLoad } from "../contenders.js";
import { ratio } from "../report.js";
import { type Bench, inTurns } from "../turns.js";

const IPERF = "/usr/bin/iperf3";
const SECONDS = 2;
const Report = z.object({ end: z.object({ sum_received: z.object({ bits_per_second: z.number() }) }) });

export const throughput: Bench = {
  name: "throughput",
  measure: async ({ lab, opensnitch, rounds }) => {
    const server = lab.peer.start([IPERF, "-s", "--forceflush"]);
    await server.waitFor(/Server listening/);
    const client = [IPERF, "-c", lab.peer.address.ipv4, "-J", "-t", String(SECONDS), "--omit", "1"];
    const [first = noFilter, ...others] = contenders(opensnitch);
    const values = await inTurns("throughput", rounds, [first, tracksOnly, ...others], (contender) =>
      underLoad(
        lab,
        contender,
        async () => {
          const { end } = Report.parse(JSON.parse(await lab.box.must(client)));
          return { [contender.name]: end.sum_received.bits_per_second / 1e9 };
        },
        { programs: [IPERF] },
      ),
    );
    server.kill();
    await server.finished;
    return {
      name: "throughput",
      what: "throughput of an established connection (iperf3)",
      unit: "Gbit/s",
      values,
      budgets: [
        { what: "desktopfw / no filter", reached: ratio(values, desktopfw.name, noFilter.name), atLeast: 0.98 },
      ],
    };
  },
};
