import { resolve } from "node:path";
import { createSite, startDaemon } from "../../support/daemon.js";
import type { Lab } from "../../support/netns.js";
import { CONNECT_LOAD, load } from "../load.js";
import { ratio } from "../report.js";
import { ruleLines } from "../rulesets.js";
import { type Bench, inTurns, sleep } from "../turns.js";

const QUESTIONS = 1000;
const FLOOD = resolve("target/release/examples/flood");
const NONE = { name: "none open", questions: 0 };
const MANY = { name: `${QUESTIONS.toLocaleString("en-US")} open`, questions: QUESTIONS };

export const questions: Bench = {
  name: "questions",
  measure: async ({ lab, rounds, connections }) => {
    const values = await inTurns("questions", rounds, [NONE, MANY], async (variant) => {
      return { [variant.name]: await p99(lab, variant.questions, connections * 2) };
    });
    return {
      name: "questions",
      what: `p99 of ruled connections while ${QUESTIONS.toLocaleString("en-US")} questions are open, and with none`,
      unit: "µs",
      values,
      budgets: [{ what: "open / none", reached: ratio(values, MANY.name, NONE.name), atMost: 1.2 }],
    };
  },
};

/** Asks by datagrams of one program to so many ports, each of which is a question of its own. */
async function p99(lab: Lab, count: number, connections: number): Promise<number> {
  const config = { default_output_action: "ASK", unattended_action: "ASK", query_timeout: "600" };
  const site = await createSite({ config, rules: ruleLines([CONNECT_LOAD], 0) });
  const daemon = await startDaemon(lab.box, site);
  if (count > 0) await lab.box.must([FLOOD, "datagrams", lab.peer.address.ipv4, String(count)]);
  const open = async () => (await daemon.client.status.get.query()).openQueries;
  for (let tries = 0; (await open()) < count; tries += 1) {
    if (tries === 100) throw new Error(`${await open()} of ${count} questions are open`);
    await sleep(0.1);
  }
  await load(lab, 1, 500);
  const result = await load(lab, 1, connections);
  await daemon.stop();
  await site.remove();
  await lab.box.must(["conntrack", "-F"]);
  return result.p99_us;
}
