import { z } from "zod";

/** Counts since the daemon started; `queueDrops` and `socketDrops` are the kernel's own columns, summed over our queues. */
export const Counters = z.object({
  packets: z.number(),
  accepted: z.number(),
  dropped: z.number(),
  rejected: z.number(),
  asked: z.number(),
  unknown: z.number(),
  /** Outgoing flows that the exact layer of attribution, at work, had not seen: sock_diag and /proc named them, if they could. */
  exactMissed: z.number(),
  malformed: z.number(),
  overflowed: z.number(),
  panics: z.number(),
  cut: z.number(),
  queueDrops: z.number(),
  socketDrops: z.number(),
  eventsDropped: z.number(),
});
export type Counters = z.infer<typeof Counters>;

export const Backend = z.enum(["nft", "iptables", "none"]);
export type Backend = z.infer<typeof Backend>;

export const InterceptionStatus = z.object({
  backend: Backend,
  installed: z.boolean(),
  queues: z.object({ first: z.number().int(), last: z.number().int() }),
  families: z.array(z.enum(["ipv4", "ipv6"])),
  problem: z.string().optional(),
});
export type InterceptionStatus = z.infer<typeof InterceptionStatus>;

export const Status = z.object({
  filtering: z.boolean(),
  version: z.string(),
  pid: z.number().int(),
  /** Milliseconds since the epoch. */
  startedAt: z.number(),
  interception: InterceptionStatus,
  /** What finds the programs: `bpf` is exact, `proc` is sock_diag and /proc; `missing` says why it is not bpf, `blind` what it cannot see. */
  attribution: z.object({ layer: z.enum(["bpf", "proc"]), missing: z.string().optional(), blind: z.array(z.string()) }),
  attachedClients: z.number().int(),
  openQueries: z.number().int(),
  rules: z.object({ session: z.number().int(), permanent: z.number().int() }),
  defaults: z.object({ incoming: z.string(), outgoing: z.string(), unattended: z.string() }),
  counters: Counters,
  problems: z.array(z.string()),
});
export type Status = z.infer<typeof Status>;

/** An interface and its counters, as in /proc/net/dev. */
export const Device = z.object({
  name: z.string(),
  index: z.number().int(),
  receive: z.record(z.string(), z.number()),
  transmit: z.record(z.string(), z.number()),
});
export type Device = z.infer<typeof Device>;
