import type { NativeApp, NativeEvent, NativeFlow, NativeQuery, NativeReason } from "../../bindings/index.js";
import { type Event, Reason } from "../model/event.js";
import type { App, Flow, Query } from "../model/query.js";
import { protocolName } from "../model/text.js";

/** The end of a rule that the addon stopped matching by itself. */
export type RuleExpired = { type: "rule-expired"; at: number; id: number; why: "idle" | "expired" | "quit" };

/** What the addon tells: the events of the model that it makes itself, and the ends of rules. */
export type CoreEvent =
  | Exclude<Event, { type: "rule-added" | "rule-removed" | "app-changed" | "events-dropped" }>
  | RuleExpired;

/** The user's name for a uid; undefined for one that has none here. */
export type UserNames = (uid: number) => string | undefined;

export function flowOf(native: NativeFlow): Flow {
  return {
    direction: native.direction as Flow["direction"],
    protocol: protocolName(native.protocol),
    interface: native.interface,
    source: { ip: native.sourceIp, port: native.sourcePort },
    destination: { ip: native.destinationIp, port: native.destinationPort },
  };
}

export function appOf(native: NativeApp, users: UserNames): App {
  const app: App = { path: native.path };
  if (native.reason !== undefined) app.reason = native.reason;
  if (native.script !== undefined) app.script = native.script;
  if (native.pid !== undefined) app.pid = native.pid;
  if (native.startTime !== undefined) app.startTime = native.startTime;
  if (native.uid !== undefined) {
    app.uid = native.uid;
    const user = users(native.uid);
    if (user !== undefined) app.user = user;
  }
  if (native.arguments !== undefined) app.arguments = native.arguments;
  if (native.argumentsCut) app.argumentsCut = true;
  if (native.parents !== undefined && native.parents.length > 0) app.parents = native.parents;
  if (native.cgroup !== undefined) app.cgroup = native.cgroup;
  if (native.mountNamespace !== undefined) app.mountNamespace = native.mountNamespace;
  return app;
}

export function queryOf(native: NativeQuery, users: UserNames): Query {
  return {
    ...flowOf(native.flow),
    id: native.id,
    app: { ...appOf(native.app, users), ...(native.changed && { changed: {} }) },
    since: native.sinceMs,
    deadline: native.deadlineMs,
    count: native.count,
  };
}

/** One event in the model's types. Throws an Error for an event without a field that its kind must have. */
export function eventOf(native: NativeEvent, users: UserNames): CoreEvent {
  const at = native.atMs;
  const must = <T>(value: T | undefined | null, field: string): T => {
    if (value === undefined || value === null) throw new Error(`the addon's ${native.kind} event has no ${field}`);
    return value;
  };
  const verdict = () => must(native.verdict, "verdict") as "ACCEPT" | "DROP" | "REJECT";
  switch (native.kind) {
    case "query-opened":
    case "query-updated":
      return { type: native.kind, at, query: queryOf(must(native.query, "query"), users) };
    case "query-closed":
      return { type: native.kind, at, id: must(native.id, "id"), verdict: verdict(), reason: reasonOf(native.reason) };
    case "verdict":
      return {
        type: native.kind,
        at,
        flow: flowOf(must(native.flow, "flow")),
        app: appOf(must(native.app, "app"), users),
        verdict: verdict(),
        reason: reasonOf(native.reason),
      };
    case "flow-cut":
      return {
        type: native.kind,
        at,
        flow: flowOf(must(native.flow, "flow")),
        app: appOf(must(native.app, "app"), users),
      };
    case "rule-expired": {
      const why = must(native.message, "message") as RuleExpired["why"];
      return { type: native.kind, at, id: must(native.id, "id"), why };
    }
    case "problem":
      return { type: native.kind, at, message: must(native.message, "message") };
    default:
      throw new Error(`the addon's event ${JSON.stringify(native.kind)} is not known`);
  }
}

/** As `eventOf`; an event that makes no sense is told as a problem, and those around it are not lost with it. */
export function eventOrProblem(native: NativeEvent, users: UserNames): CoreEvent {
  try {
    return eventOf(native, users);
  } catch (error) {
    return { type: "problem", at: native.atMs, message: (error as Error).message };
  }
}

function reasonOf(native: NativeReason | undefined): Reason {
  const reason = Reason.safeParse(native);
  if (!reason.success) throw new Error(`the addon's reason ${JSON.stringify(native)} is not known`);
  return reason.data;
}
