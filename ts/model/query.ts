import { z } from "zod";

/**
 * The program behind a flow. `path` is `unknown` where it could not be found out; `reason` then says why. Fields of a process are
 * there where one process is known; a program chooses its own arguments, so they are for people to read.
 */
export const App = z.object({
  path: z.string(),
  reason: z.string().optional(),
  /** What the program interprets, as it was named when it was started; known for scripts that name their interpreter. */
  script: z.string().optional(),
  pid: z.number().int().optional(),
  startTime: z.number().int().optional(),
  uid: z.number().int().optional(),
  user: z.string().optional(),
  /** How it was called, its own name first. What is no UTF-8 stands there as U+FFFD. */
  arguments: z.array(z.string()).optional(),
  /** More arguments followed: only the first 256 bytes are kept, and the last one shown may not be whole. */
  argumentsCut: z.boolean().optional(),
  /** Its parent, then that one's, at most eight; without process 1. `path` is `unknown` where it is not known. */
  parents: z.array(z.object({ pid: z.number().int(), path: z.string() })).optional(),
  /** Path of its control group (version 2). */
  cgroup: z.string().optional(),
  /** Inode number of its mount namespace, if that is not the firewall's own. */
  mountNamespace: z.number().int().optional(),
  /** Its file has changed since it was registered; `package` names the package whose database knows the new content. */
  changed: z.object({ package: z.string().optional() }).optional(),
});
export type App = z.infer<typeof App>;

export const FlowEnd = z.object({ ip: z.string(), port: z.number().int(), name: z.string().optional() });

/** One flow as people read it: `protocol` by its name, `interface` by its name. */
export const Flow = z.object({
  direction: z.enum(["incoming", "outgoing"]),
  protocol: z.string(),
  interface: z.string(),
  source: FlowEnd,
  destination: FlowEnd,
});
export type Flow = z.infer<typeof Flow>;

/**
 * A question: flows of one program to one destination, held until somebody answers. The flow shown is the first one's.
 * `since` and `deadline` in milliseconds since the epoch; `count` is the number of packets held.
 */
export const Query = Flow.extend({
  id: z.number().int().positive(),
  app: App,
  since: z.number(),
  deadline: z.number(),
  count: z.number().int(),
});
export type Query = z.infer<typeof Query>;

/**
 * An answer to a query. `once` releases what is held and makes no rule. Scopes: `exact` is this flow's addresses and ports,
 * `host` the same peer address and service port, `anywhere` any peer. `expiresAt` (ms since the epoch) goes with `until`.
 */
export const Answer = z.object({
  id: z.number().int().positive(),
  action: z.enum(["ACCEPT", "DROP", "REJECT"]),
  lifetime: z.enum(["once", "session", "permanent", "until", "process"]).default("session"),
  scope: z.enum(["exact", "host", "anywhere"]).default("host"),
  expiresAt: z.number().int().positive().optional(),
});
export type Answer = z.infer<typeof Answer>;
