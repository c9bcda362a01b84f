import { copyFile, mkdtemp, realpath, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createSite, startDaemon } from "../../support/daemon.js";
import { follow } from "../../support/follow.js";
import type { Lab } from "../../support/netns.js";
import { summarise, type Values } from "../report.js";
import { type Bench, inTurns, sleep } from "../turns.js";

const SENDER = resolve("target/release/examples/send_and_exit");
const PROCESSES = 1000;
const PORT = 20_000;
const OPEN = { default_input_action: "ACCEPT", default_output_action: "ACCEPT" };
/** In seconds: what has no verdict after these counts as unknown. */
const LIMIT = 10;
const KINDS = ["right", "wrong", "unknown"] as const;
type Kind = (typeof KINDS)[number];

type Variant = { name: string; args: readonly string[]; protocol: string };
const VARIANTS: readonly Variant[] = ["udp", "tcp"].flatMap((protocol) => [
  { name: `exact, ${protocol.toUpperCase()}`, args: [], protocol },
  { name: `proc, ${protocol.toUpperCase()}`, args: ["--attribution", "proc"], protocol },
]);

export const attribution: Bench = {
  name: "attribution",
  measure: async ({ lab, rounds }) => {
    const values = await inTurns("attribution", Math.min(rounds, 3), VARIANTS, async (variant) => {
      const counts = await count(lab, variant);
      return Object.fromEntries(KINDS.map((kind) => [`${variant.name}, ${kind}`, counts[kind]]));
    });
    const names = Object.keys(values);
    const exact = (kind: Kind) => names.filter((name) => name.startsWith("exact") && name.endsWith(kind));
    const wrong = names.filter((name) => name.endsWith("wrong"));
    return {
      name: "attribution",
      what: `${PROCESSES.toLocaleString("en-US")} processes of two programs that each send one packet and exit at once`,
      unit: "",
      values,
      budgets: [
        {
          what: "exact, right, the fewest",
          reached: Math.min(...extremes(values, exact("right"), "low")),
          atLeast: PROCESSES,
        },
        { what: "exact, wrong, the most", reached: Math.max(...extremes(values, exact("wrong"), "high")), atMost: 0 },
        { what: "either, wrong, the most", reached: Math.max(...extremes(values, wrong, "high")), atMost: 0 },
      ],
    };
  },
};

/** No round may fail: the worst one counts, not the median. */
function extremes(values: Values, names: readonly string[], which: "low" | "high"): number[] {
  return names.map((name) => summarise(values[name] ?? [])[which]);
}

async function count(lab: Lab, { args, protocol }: Variant): Promise<Record<Kind, number>> {
  const directory = await realpath(await mkdtemp(join(tmpdir(), "fwtest-")));
  const programs = [join(directory, "one"), join(directory, "other")];
  for (const program of programs) await copyFile(SENDER, program);
  const site = await createSite({ config: OPEN });
  const daemon = await startDaemon(lab.box, site, { args });
  const events = await follow(daemon.client, "events");
  const burst = [SENDER, "burst", protocol, lab.peer.address.ipv4, String(PORT), String(PROCESSES), ...programs];
  await lab.box.must(burst);
  const seen = new Map<number, Kind>();
  const collect = async () => {
    while (seen.size < PROCESSES) {
      const { app, flow } = await events.next("verdict", ({ flow }) => flow.destination.port >= PORT);
      const number = flow.destination.port - PORT;
      if (flow.direction !== "outgoing" || number >= PROCESSES || seen.has(number)) continue;
      seen.set(number, app.path === "unknown" ? "unknown" : app.path === programs[number % 2] ? "right" : "wrong");
    }
  };
  await Promise.race([collect(), sleep(LIMIT)]);
  events.stop();
  await daemon.stop();
  for (const path of [site.directory, directory]) await rm(path, { recursive: true, force: true });
  await lab.box.must(["conntrack", "-F"]);
  const of = (kind: Kind) => [...seen.values()].filter((value) => value === kind).length;
  return { right: of("right"), wrong: of("wrong"), unknown: PROCESSES - of("right") - of("wrong") };
}
