import { z } from "zod";
import { RegisteredApp } from "./app.js";
import { App, Flow, Query } from "./query.js";
import { Rule } from "./rule.js";

const at = z.number();

/** Why a flow got its verdict: a rule (`rule` is its id), a changed program, a default action, nobody attached, an answer, a timeout, ... */
export const Reason = z.object({
  kind: z.enum(["rule", "changed", "default", "unattended", "answer", "timeout", "policy", "established"]),
  rule: z.number().int().optional(),
});
export type Reason = z.infer<typeof Reason>;

/** Everything the daemon tells its clients; `at` is in milliseconds since the epoch. */
export const Event = z.discriminatedUnion("type", [
  z.object({ type: z.literal("query-opened"), at, query: Query }),
  z.object({ type: z.literal("query-updated"), at, query: Query }),
  z.object({
    type: z.literal("query-closed"),
    at,
    id: z.number().int(),
    verdict: z.enum(["ACCEPT", "DROP", "REJECT"]),
    reason: Reason,
  }),
  z.object({
    type: z.literal("verdict"),
    at,
    flow: Flow,
    app: App,
    verdict: z.enum(["ACCEPT", "DROP", "REJECT"]),
    reason: Reason,
  }),
  z.object({ type: z.literal("flow-cut"), at, flow: Flow, app: App }),
  z.object({ type: z.literal("rule-added"), at, rule: Rule }),
  z.object({
    type: z.literal("rule-removed"),
    at,
    rule: Rule,
    why: z.enum(["user", "idle", "expired", "quit", "reload"]),
  }),
  /** The file of a registered program is not what was registered any more. */
  z.object({ type: z.literal("app-changed"), at, app: RegisteredApp }),
  z.object({ type: z.literal("problem"), at, message: z.string() }),
  z.object({ type: z.literal("events-dropped"), at, count: z.number().int() }),
]);
export type Event = z.infer<typeof Event>;
export type EventType = Event["type"];
