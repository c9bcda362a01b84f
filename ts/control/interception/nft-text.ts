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

export const NFT_TABLE = "inet desktopfw";

/**
 * Output before DNAT, so that the destination is the one that the program named; input behind the system's own filter, so
 * that only what would pass is asked about. The answers stand behind both.
 */
const PRIORITIES: Record<Direction, { judge: string; answer: string }> = {
  output: { judge: "mangle + 10", answer: "filter + 10" },
  input: { judge: "filter + 20", answer: "filter + 30" },
};
const DIRECTIONS: readonly Direction[] = ["output", "input"];

/** `reject` is a word of nft's own and cannot name a chain. */
const HELPER: Record<Helper, string> = { save: "keep_verdict", reject: "refuse" };

/** What takes the table away whether or not it is there, in one transaction. */
export const NFT_REMOVAL = `table ${NFT_TABLE}\ndelete table ${NFT_TABLE}\n`;

/** The ruleset as `nft -f -` reads it: one transaction that replaces what an earlier one left. */
export function nftText(ruleset: Ruleset): string {
  const { judge, answer, helpers } = ruleset;
  const base = (way: Direction, stage: "judge" | "answer", steps: readonly Step[]) =>
    chain(stage === "judge" ? way : `answer_${way}`, [
      `type filter hook ${way} priority ${PRIORITIES[way][stage]}; policy accept;`,
      ...steps.flatMap((step) => lines(step, ruleset, way)),
    ]);
  const helper = (name: Helper) =>
    chain(
      HELPER[name],
      helpers[name].flatMap((step) => lines(step, ruleset)),
    );
  const chains = [
    helper("save"),
    helper("reject"),
    ...DIRECTIONS.map((way) => base(way, "answer", answer)),
    ...DIRECTIONS.map((way) => base(way, "judge", judge[way])),
  ];
  return `${NFT_REMOVAL}table ${NFT_TABLE} {\n${chains.join("\n")}}\n`;
}

function chain(name: string, body: readonly string[]): string {
  return `  chain ${name} {\n${body.map((line) => `    ${line}\n`).join("")}  }\n`;
}

/** A step may need several lines: nftables cannot copy some bits of one mark to another in one expression. */
function lines(step: Step, ruleset: Ruleset, way?: Direction): string[] {
  const when = step.when.map((condition) => `${match(condition, ruleset, way)} `).join("");
  return statements(step.act, ruleset).map((statement) => `${when}${statement}`);
}

function match(condition: Condition, { marks }: Ruleset, way?: Direction): string {
  const mask = hex(marks.mask);
  switch (condition.on) {
    case "loopback":
      return way === "output" ? 'oifname "lo"' : 'iifname "lo"';
    case "connection":
      return `ct mark and ${mask} == ${hex(marks[condition.is])}`;
    case "packet":
      return condition.is === "any"
        ? `meta mark and ${mask} != ${hex(0)}`
        : `meta mark and ${mask} == ${hex(marks[condition.is])}`;
    case "untracked":
      return "ct state invalid,untracked";
    case "icmp-error":
      return "meta l4proto { icmp, ipv6-icmp } ct state related";
    case "tcp":
      return "meta l4proto tcp";
    case "tcp-reset":
      return "tcp flags & rst == rst";
    case "neighbour":
      return `icmpv6 type { ${NEIGHBOUR_TYPES.map(({ from, to }) => (from === to ? from : `${from}-${to}`)).join(", ")} }`;
  }
}

function statements(act: Act, { marks }: Ruleset): string[] {
  const mask = hex(marks.mask);
  const others = hex(0xffffffff - marks.mask);
  if (typeof act === "object" && act.by === "queue") return [queueStatement(act.to)];
  if (typeof act === "object") return [`${act.by} ${HELPER[act.to]}`];
  switch (act) {
    case "pass":
      return ["return"];
    case "drop":
      return ["drop"];
    case "keep-mark":
      return [marks.accept, marks.reject].map(
        (mark) => `meta mark and ${mask} == ${hex(mark)} ct mark set ct mark and ${others} or ${hex(mark)}`,
      );
    case "clear-mark":
      return [`meta mark set meta mark and ${others}`];
    case "reset":
      return ["reject with tcp reset"];
    case "unreachable":
      return ["reject with icmpx type port-unreachable"];
  }
}

function queueStatement({ first, last }: QueueRange): string {
  return first === last ? `queue flags bypass to ${first}` : `queue flags bypass,fanout to ${first}-${last}`;
}

function hex(value: number): string {
  return `0x${value.toString(16).padStart(8, "0")}`;
}
