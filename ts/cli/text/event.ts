import type { Event, Reason } from "../../model/event.js";
import { appText } from "./app.js";
import { flowEnds, programText } from "./flow.js";
import { ruleText } from "./rule.js";
import { safe, safeLine } from "./sanitize.js";
import { actionTone, type Paint } from "./style.js";
import { clock } from "./time.js";

/** One event in one line: `14:03:59 ACCEPT /usr/bin/curl outgoing tcp 10.0.0.2:40000 -> 10.0.0.1:443 (rule 3)`. */
export function eventText(event: Event, paint: Paint): string {
  return `${paint(clock(event.at), "dim")} ${body(event, paint)}`;
}

function body(event: Event, paint: Paint): string {
  switch (event.type) {
    case "query-opened":
      return `${paint("ASK", "ask")} question ${event.query.id}: ${subject(event.query)}`;
    case "query-updated":
      return `${paint("ASK", "ask")} question ${event.query.id}: ${event.query.count} packets held`;
    case "query-closed":
      return `${verdict(event.verdict, paint)} question ${event.id} closed (${reasonText(event.reason)})`;
    case "verdict":
      return `${verdict(event.verdict, paint)} ${subject({ ...event.flow, app: event.app })} (${reasonText(event.reason)})`;
    case "flow-cut":
      return `${paint("CUT", "bad")} ${subject({ ...event.flow, app: event.app })}`;
    case "rule-added":
      return `rule ${event.rule.id} added (${event.rule.lifetime}): ${ruleText(event.rule)}`;
    case "rule-removed":
      return `rule ${event.rule.id} removed (${event.why}): ${ruleText(event.rule)}`;
    case "app-changed":
      return `${paint("CHANGED", "bad")} ${appText(event.app)}`;
    case "problem":
      return `${paint("problem", "bad")}: ${safeLine(event.message)}`;
    case "events-dropped":
      return `${paint(`${event.count} events lost`, "bad")}: they came faster than they were read`;
  }
}

function verdict(text: string, paint: Paint): string {
  return paint(text, actionTone(text));
}

function subject(flow: Extract<Event, { type: "query-opened" }>["query"] | VerdictFlow): string {
  return `${programText(flow.app)} ${flow.direction} ${safe(flow.protocol)} ${flowEnds(flow)}`;
}
type VerdictFlow = Extract<Event, { type: "verdict" }>["flow"] & Pick<Extract<Event, { type: "verdict" }>, "app">;

const REASONS: Readonly<Record<Reason["kind"], string>> = {
  rule: "a rule",
  changed: "its program has changed",
  default: "the default action",
  unattended: "nobody to ask",
  answer: "answered",
  timeout: "nobody answered in time",
  policy: "a change of the rules",
  established: "connection of before",
};

/** Why a flow got its verdict: `rule 3`, `nobody answered in time`. */
export function reasonText(reason: Reason): string {
  return reason.rule === undefined ? REASONS[reason.kind] : `rule ${reason.rule}`;
}
