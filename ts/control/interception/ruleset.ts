import { InterceptionError } from "./errors.js";

export type InterceptionOptions = {
  backend: "auto" | "nft" | "iptables" | "none";
  /**
   * The queues are firstQueue .. firstQueue + queueCount - 1: the first half for what goes out, the second for what comes in,
   * so that a flood from outside does not hold up what programs here open. In each half one for each CPU in turn.
   */
  firstQueue: number;
  queueCount: number;
  /** The bits of packet and connection marks that are ours: at least two. */
  markMask: number;
  exemptLoopback: boolean;
};

/** The verdicts that travel as a mark. DROP needs none: a dropped packet is gone. */
export type Judged = "accept" | "reject";

export type Condition =
  | { on: "loopback" }
  | { on: "connection"; is: Judged }
  | { on: "packet"; is: Judged | "any" }
  /** No conntrack entry, so nothing that could keep a mark. */
  | { on: "untracked" }
  /** An ICMP error about a flow that conntrack knows. */
  | { on: "icmp-error" }
  | { on: "tcp" }
  | { on: "tcp-reset" }
  /** IPv6 neighbour discovery and multicast listeners: what ARP does for IPv4, and without them nothing works. */
  | { on: "neighbour" };

export type Act =
  | "pass"
  | "drop"
  | "keep-mark"
  | "clear-mark"
  | "reset"
  | "unreachable"
  | { by: "jump" | "goto"; to: Helper }
  | { by: "queue"; to: QueueRange };

export type QueueRange = { first: number; last: number };

/** A packet that meets every condition of `when` is treated as `act` says. */
export type Step = { when: readonly Condition[]; act: Act };

export type Direction = "output" | "input";
export type Helper = "save" | "reject";

/**
 * The rules in the kernel, whatever their syntax. `judge` sends packets to the queues; `answer` stands behind it and gives
 * the rejections. A packet that reaches the end of a helper has left our rules; those of others still see it.
 */
export type Ruleset = {
  judge: Readonly<Record<Direction, readonly Step[]>>;
  answer: readonly Step[];
  helpers: Readonly<Record<Helper, readonly Step[]>>;
  queues: QueueRange;
  marks: { mask: number } & Record<Judged, number>;
};

/** ICMPv6 types, RFC 4861 (133-137), RFC 2710 and RFC 3810 (130-132, 143). */
export const NEIGHBOUR_TYPES: readonly { from: number; to: number }[] = [
  { from: 130, to: 137 },
  { from: 143, to: 143 },
];

/**
 * The way of a verdict: the daemon answers a queued packet with NF_REPEAT and the packet mark `accept` or `reject`. The hook
 * runs again, `save` moves the mark to the connection and clears it from the packet, so that no changed packet mark reaches
 * the routing. The connection's mark then lets later packets pass (accept), or makes the kernel answer them (reject).
 */
export function buildRuleset(options: InterceptionOptions): Ruleset {
  const queues = queueRange(options);
  const [output, input] = halves(queues);
  return {
    judge: { output: judge(options, output), input: judge(options, input) },
    answer: [{ when: [{ on: "connection", is: "reject" }], act: { by: "jump", to: "reject" } }],
    helpers: {
      save: [
        { when: [], act: "keep-mark" },
        // Nothing would remember that it was rejected, and it would pass.
        { when: [{ on: "packet", is: "reject" }, { on: "untracked" }], act: "drop" },
        { when: [], act: "clear-mark" },
      ],
      reject: [
        // The answers themselves belong to the rejected connection; answering them would make them vanish.
        { when: [{ on: "tcp-reset" }], act: "pass" },
        { when: [{ on: "icmp-error" }], act: "pass" },
        { when: [{ on: "tcp" }], act: "reset" },
        { when: [], act: "unreachable" },
      ],
    },
    queues,
    marks: marksOf(options.markMask),
  };
}

function judge(options: InterceptionOptions, queues: QueueRange): Step[] {
  const loopback: Step[] = options.exemptLoopback ? [{ when: [{ on: "loopback" }], act: "pass" }] : [];
  return [
    // First, since nearly every packet is one of an accepted flow.
    { when: [{ on: "connection", is: "accept" }], act: "pass" },
    ...loopback,
    { when: [{ on: "packet", is: "any" }], act: { by: "goto", to: "save" } },
    { when: [{ on: "neighbour" }], act: "pass" },
    // Errors about a known flow are the kernel's, and a verdict on one would be kept as its flow's.
    { when: [{ on: "icmp-error" }], act: "pass" },
    { when: [{ on: "tcp-reset" }, { on: "connection", is: "reject" }], act: "pass" },
    { when: [], act: { by: "queue", to: queues } },
  ];
}

/** Where the packets of a hook are queued. */
export function queuesOf(steps: readonly Step[]): QueueRange {
  const acts = steps
    .map(({ act }) => act)
    .flatMap((act) => (typeof act === "object" && act.by === "queue" ? [act.to] : []));
  const [queues] = acts;
  if (queues === undefined)
    throw new InterceptionError("a hook queues nothing", "this is a fault of fwdaemon: report it");
  return queues;
}

/** A single queue serves both ways. */
function halves({ first, last }: QueueRange): [QueueRange, QueueRange] {
  const middle = first + Math.floor((last - first + 1) / 2);
  if (middle === first)
    return [
      { first, last },
      { first, last },
    ];
  return [
    { first, last: middle - 1 },
    { first: middle, last },
  ];
}

function queueRange({ firstQueue, queueCount }: InterceptionOptions): QueueRange {
  const last = firstQueue + queueCount - 1;
  if (!Number.isInteger(firstQueue) || !Number.isInteger(last) || firstQueue < 0 || queueCount < 1 || last > 65535) {
    throw new InterceptionError(`queues ${firstQueue} to ${last} do not exist`, "take a first queue from 0 to 65535");
  }
  return { first: firstQueue, last };
}

/** ACCEPT is the mask's lowest bit, REJECT the next one that is set. */
export function marksOf(mask: number): Ruleset["marks"] {
  const bits = Array.from({ length: 32 }, (_, bit) => 2 ** bit).filter((bit) => Math.floor(mask / bit) % 2 === 1);
  const [accept, reject] = bits;
  if (accept === undefined || reject === undefined || mask >= 2 ** 32) {
    throw new InterceptionError(`mark mask 0x${mask.toString(16)} has less than two bits`, "set mark_mask=0x30000000");
  }
  return { mask, accept, reject };
}
