import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Host, Lab } from "../support/netns.js";
import { run } from "../support/process.js";
import { type Contender, secondsSince } from "./contenders.js";
import { CONNECT_LOAD } from "./load.js";
import { type OtherRule, otherRules } from "./rulesets.js";
import { sleep } from "./turns.js";

const CONFIG_PATH = "/etc/opensnitchd/default-config.json";
const CONFIG = {
  Server: { Address: "", LogFile: "/dev/null" },
  DefaultAction: "deny",
  DefaultDuration: "once",
  InterceptUnknown: true,
  ProcMonitorMethod: "proc",
  LogLevel: 4,
  Firewall: "iptables",
  Stats: { MaxEvents: 150, MaxStats: 25 },
};
/** In seconds: with 10,000 rules it takes long. */
const START_LIMIT = 60;

/** OpenSnitch of the distribution's package, with files and a mount namespace of its own. */
const opensnitch: Contender = {
  name: "OpenSnitch",
  slower: 4,
  enter: async ({ box }, { programs = [CONNECT_LOAD], others = 0 } = {}) => {
    const directory = await mkdtemp(join(tmpdir(), "fwtest-"));
    const rules = join(directory, "rules");
    await mkdir(rules);
    const config = join(directory, "config.json");
    await writeFile(config, JSON.stringify(CONFIG));
    const all: OtherRule[] = [...otherRules(others), ...programs.map((program) => ({ program }))];
    for (const [number, rule] of all.entries()) await writeFile(join(rules, `${number}.json`), ruleText(rule, number));
    const began = performance.now();
    const script = `mount --bind ${config} ${CONFIG_PATH} && exec opensnitchd -rules-path ${rules} \
      -process-monitor-method proc -queue-num 0 -log-file ${join(directory, "log")}`;
    const program = box.start(["unshare", "--mount", "bash", "-c", script]);
    const leave = async () => {
      program.kill();
      await Promise.race([program.finished, sleep(5)]);
      program.kill("SIGKILL");
      await program.finished;
      for (const table of ["mangle", "filter"]) await box.must(["iptables", "-t", table, "-F"]);
      await rm(directory, { recursive: true, force: true });
    };
    try {
      await Promise.race([filters(box), program.finished.then(({ stderr }) => Promise.reject(new Error(stderr)))]);
    } catch (error) {
      await leave();
      throw error;
    }
    return { pid: program.pid, seconds: secondsSince(began), leave };
  },
};

/** The contender, or undefined with a line that says why not. */
export async function findOpensnitch(lab: Lab): Promise<Contender | undefined> {
  if ((await run(["which", "opensnitchd"])).code !== 0) {
    console.error("OpenSnitch is left out: Debian's package opensnitch is not installed");
    return undefined;
  }
  try {
    await (await opensnitch.enter(lab)).leave();
    return opensnitch;
  } catch (error) {
    console.error(`OpenSnitch is left out: ${error instanceof Error ? error.message : String(error)}`);
    return undefined;
  }
}

/** It filters once its queue is bound and its rule is there. */
async function filters(box: Host): Promise<void> {
  const began = performance.now();
  while (secondsSince(began) < START_LIMIT) {
    const bound = (await box.must(["cat", "/proc/net/netfilter/nfnetlink_queue"])).trim() !== "";
    if (bound && (await box.must(["iptables", "-t", "mangle", "-S", "OUTPUT"])).includes("NFQUEUE")) return;
    await sleep(0.02);
  }
  throw new Error(`it did not filter within ${START_LIMIT} s`);
}

function ruleText(rule: OtherRule, number: number): string {
  const [operand, data, action] =
    "program" in rule ? ["process.path", rule.program, "allow"] : ["dest.ip", rule.destination, "deny"];
  const at = "2024-01-01T00:00:00Z";
  const operator = { type: "simple", operand, sensitive: false, data, list: [] };
  const name = String(number).padStart(6, "0");
  const fixed = { enabled: true, precedence: false, duration: "always" };
  return JSON.stringify({ created: at, updated: at, name, action, ...fixed, operator });
}
