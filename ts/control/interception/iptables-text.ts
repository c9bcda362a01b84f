import {
  type Act,
  type Condition,
  type Direction,
  type Helper,
  NEIGHBOUR_TYPES,
  type QueueRange,
  type Ruleset,
  type Step,
} from "./ruleset.js";

export type Family = "ipv4" | "ipv6";

/** Every chain of ours begins with this; removal goes by it alone. */
export const CHAIN_PREFIX = "DESKTOPFW_";
const JUDGE: Record<Direction, string> = { output: `${CHAIN_PREFIX}OUT`, input: `${CHAIN_PREFIX}IN` };
const HELPER: Record<Helper, string> = { save: `${CHAIN_PREFIX}SAVE`, reject: `${CHAIN_PREFIX}REJECT` };
const BUILT_IN: Record<Direction, string> = { output: "OUTPUT", input: "INPUT" };
const DIRECTIONS: readonly Direction[] = ["output", "input"];

/** The jumps from the kernel's own chains to ours, by table. */
export const JUMPS: readonly { table: "filter" | "mangle"; from: string; to: string }[] = DIRECTIONS.flatMap((way) => [
  { table: "filter" as const, from: BUILT_IN[way], to: HELPER.reject },
  { table: "mangle" as const, from: BUILT_IN[way], to: JUDGE[way] },
]);

/**
 * The ruleset as `iptables-restore --noflush` reads it. The table with the queue comes last: that is what makes it live.
 * `first` are lines by table that stand before ours in the same transaction.
 */
export function iptablesText(
  ruleset: Ruleset,
  family: Family,
  first: Readonly<Partial<Record<string, readonly string[]>>> = {},
): string {
  const write = (steps: readonly Step[], verb: string, way?: Direction) =>
    steps.flatMap((step) => lines(step, { ruleset, family, ...(way && { way }) }).map((line) => `${verb} ${line}`));
  const filter = [
    `:${HELPER.reject} - [0:0]`,
    ...write(ruleset.helpers.reject, `-A ${HELPER.reject}`),
    ...DIRECTIONS.flatMap((way) => write(ruleset.answer, `-I ${BUILT_IN[way]} 1`)),
  ];
  const mangle = [
    ...[HELPER.save, JUDGE.output, JUDGE.input].map((chain) => `:${chain} - [0:0]`),
    ...write(ruleset.helpers.save, `-A ${HELPER.save}`),
    ...DIRECTIONS.flatMap((way) => write(ruleset.judge[way], `-A ${JUDGE[way]}`, way)),
    ...DIRECTIONS.map((way) => `-I ${BUILT_IN[way]} 1 -j ${JUDGE[way]}`),
  ];
  return `${[...table("filter", filter, first), ...table("mangle", mangle, first)].join("\n")}\n`;
}

function table(name: string, body: readonly string[], first: Readonly<Partial<Record<string, readonly string[]>>>) {
  return [`*${name}`, ...(first[name] ?? []), ...body, "COMMIT"];
}

type Context = { ruleset: Ruleset; family: Family; way?: Direction };

/** A step may need several lines (one for each ICMPv6 type), or none (it is about the other family). */
function lines(step: Step, context: Context): string[] {
  let matches = [""];
  for (const condition of step.when) {
    const ways = match(condition, context);
    matches = matches.flatMap((before) => ways.map((way) => `${before}${way} `));
  }
  return matches.map((before) => `${before}${target(step.act, context)}`);
}

function match(condition: Condition, { ruleset: { marks }, family, way }: Context): string[] {
  const icmp = family === "ipv4" ? "icmp" : "ipv6-icmp";
  switch (condition.on) {
    case "loopback":
      return [way === "output" ? "-o lo" : "-i lo"];
    case "connection":
      return [`-m connmark --mark ${hex(marks[condition.is])}/${hex(marks.mask)}`];
    case "packet":
      if (condition.is === "any") return [`-m mark ! --mark 0x0/${hex(marks.mask)}`];
      return [`-m mark --mark ${hex(marks[condition.is])}/${hex(marks.mask)}`];
    case "untracked":
      return ["-m conntrack --ctstate INVALID,UNTRACKED"];
    case "icmp-error":
      return [`-p ${icmp} -m conntrack --ctstate RELATED`];
    case "tcp":
      return ["-p tcp"];
    case "tcp-reset":
      return ["-p tcp -m tcp --tcp-flags RST RST"];
    case "neighbour":
      if (family === "ipv4") return [];
      return NEIGHBOUR_TYPES.flatMap(({ from, to }) =>
        Array.from({ length: to - from + 1 }, (_, index) => `-p ipv6-icmp -m icmp6 --icmpv6-type ${from + index}`),
      );
  }
}

function target(act: Act, { ruleset: { marks }, family }: Context): string {
  const mask = hex(marks.mask);
  if (typeof act === "object" && act.by === "queue")
    return `-j NFQUEUE ${queueOption(act.to)} --queue-bypass${fanout(act.to)}`;
  if (typeof act === "object") return `-${act.by === "jump" ? "j" : "g"} ${HELPER[act.to]}`;
  switch (act) {
    case "pass":
      return "-j RETURN";
    case "drop":
      return "-j DROP";
    case "keep-mark":
      return `-j CONNMARK --save-mark --nfmask ${mask} --ctmask ${mask}`;
    case "clear-mark":
      return `-j MARK --set-xmark 0x0/${mask}`;
    case "reset":
      return "-j REJECT --reject-with tcp-reset";
    case "unreachable":
      return `-j REJECT --reject-with ${family === "ipv4" ? "icmp-port-unreachable" : "icmp6-port-unreachable"}`;
  }
}

export function queueOption({ first, last }: QueueRange): string {
  return first === last ? `--queue-num ${first}` : `--queue-balance ${first}:${last}`;
}

function fanout({ first, last }: QueueRange): string {
  return first === last ? "" : " --queue-cpu-fanout";
}

function hex(value: number): string {
  return `0x${value.toString(16)}`;
}
