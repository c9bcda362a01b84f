import { existsSync } from "node:fs";
import { allEnded } from "./all-ended.js";
import { type Commands, must, type Tool } from "./command.js";
import { InterceptionError } from "./errors.js";
import { CHAIN_PREFIX, type Family, iptablesText, JUMPS, queueOption } from "./iptables-text.js";
import { queuesOf, type Ruleset } from "./ruleset.js";

const TOOLS: Record<Family, { restore: Tool; save: Tool }> = {
  ipv4: { restore: "iptables-restore", save: "iptables-save" },
  ipv6: { restore: "ip6tables-restore", save: "ip6tables-save" },
};
const RESTORE = ["--noflush", "--wait", "10"];

/** IPv6 is left out where the kernel has none; there is then nothing to filter. */
export function kernelFamilies(): Family[] {
  return existsSync("/proc/net/if_inet6") ? ["ipv4", "ipv6"] : ["ipv4"];
}

/** Side by side: most of the time is the tools' own start. */
function forEachFamily<T>(run: (family: Family) => Promise<T>): Promise<T[]> {
  return allEnded(kernelFamilies().map(run));
}

export function hasIptables(commands: Commands): boolean {
  return kernelFamilies().every((family) => commands.has(TOOLS[family].restore) && commands.has(TOOLS[family].save));
}

/** Lets the tools read the ruleset without applying it: says early what kernel or tools lack. */
export async function probeIptables(commands: Commands, ruleset: Ruleset): Promise<void> {
  await forEachFamily((family) =>
    must(commands, TOOLS[family].restore, ["--test", ...RESTORE], iptablesText(ruleset, family)),
  );
}

/** One transaction for each family, which also takes away what an earlier run left. */
export async function installIptables(commands: Commands, ruleset: Ruleset): Promise<void> {
  await forEachFamily(async (family) => {
    const ours = ownRules(await must(commands, TOOLS[family].save, []));
    const stale = new Map(ours.map(({ table, jumps }) => [table, jumps.map(deletion)]));
    const text = iptablesText(ruleset, family, Object.fromEntries(stale));
    await must(commands, TOOLS[family].restore, RESTORE, text);
  });
}

/** Takes away every jump to and every chain of ours, whatever run made them, and nothing else. */
export async function removeIptables(commands: Commands): Promise<void> {
  await forEachFamily(async (family) => {
    if (!commands.has(TOOLS[family].save)) return;
    const text = removalText(await must(commands, TOOLS[family].save, []));
    if (text !== "") await must(commands, TOOLS[family].restore, RESTORE, text);
  });
}

/** What is missing from the kernel, as one line; undefined when everything stands. */
export async function iptablesProblem(commands: Commands, ruleset: Ruleset): Promise<string | undefined> {
  const wanted = new Map<string, string>(
    Object.entries(ruleset.judge).map(([hook, steps]) => [hook.toUpperCase(), `${queueOption(queuesOf(steps))} `]),
  );
  const problems = await forEachFamily(async (family) => {
    const ours = ownRules(await must(commands, TOOLS[family].save, []));
    for (const { table, from, to } of JUMPS) {
      const found = ours.find((entry) => entry.table === table);
      const jumps = found?.jumps.some((line) => line.startsWith(`-A ${from} `) && line.endsWith(` ${to}`));
      if (!jumps) return `the jump from ${from} to ${to} (${table}, ${family}) is missing`;
      const queues = found?.rules.some(
        (line) => line.startsWith(`-A ${to} `) && `${line} `.includes(wanted.get(from) ?? ""),
      );
      if (table === "mangle" && !queues) return `the queue rule of ${to} (${family}) is missing`;
    }
    return undefined;
  });
  return problems.find((problem) => problem !== undefined);
}

/** What of one table is ours, in the words of iptables-save: `jumps` stand in chains that are not ours. */
export type OwnRules = { table: string; chains: string[]; jumps: string[]; rules: string[] };

export function ownRules(saved: string): OwnRules[] {
  const tables: OwnRules[] = [];
  for (const line of saved.split("\n")) {
    const current = tables.at(-1);
    if (line.startsWith("*")) tables.push({ table: line.slice(1).trim(), chains: [], jumps: [], rules: [] });
    else if (line.startsWith(`:${CHAIN_PREFIX}`)) current?.chains.push(line.slice(1).split(" ", 1)[0] ?? "");
    else if (line.startsWith(`-A ${CHAIN_PREFIX}`)) current?.rules.push(line);
    else if (line.startsWith("-A ") && new RegExp(` -[jg] ${CHAIN_PREFIX}[A-Z]+$`).test(line))
      current?.jumps.push(line);
  }
  return tables.filter(({ chains, jumps }) => chains.length > 0 || jumps.length > 0);
}

/** Empty when nothing is ours. The queue goes first, the reverse of the way in. */
export function removalText(saved: string): string {
  return ownRules(saved)
    .sort((a, b) => b.table.localeCompare(a.table))
    .flatMap(({ table, chains, jumps }) => [
      `*${table}`,
      ...jumps.map(deletion),
      ...chains.map((chain) => `-F ${chain}`),
      ...chains.map((chain) => `-X ${chain}`),
      "COMMIT\n",
    ])
    .join("\n");
}

function deletion(line: string): string {
  return line.replace(/^-A /, "-D ");
}

export function missingIptables(): InterceptionError {
  return new InterceptionError("neither nftables' queue nor iptables is there", "run `apt install iptables`");
}
