import type { Reason } from "../../model/event.js";
import type { Answer, Query } from "../../model/query.js";
import { changedText } from "../text/app.js";
import { reasonText } from "../text/event.js";
import { endText, peerText, programText, userText } from "../text/flow.js";
import { parentText, processLines } from "../text/process.js";
import { answeredText } from "../text/rule.js";
import { safe, safeLine } from "../text/sanitize.js";
import type { Paint } from "../text/style.js";
import { ago, left } from "../text/time.js";
import { head, shorten, width, wrap } from "../text/width.js";
import { KEYS } from "./keys.js";
import { currentQuery, type WatchEffect, type WatchState } from "./state.js";

/** How the lines are made: the time, what fits, the colours. */
export interface View {
  now: number;
  columns: number;
  paint: Paint;
}

/** The lines that an effect prints; none for what only goes to the daemon. */
export function effectLines(effect: WatchEffect, view: View): string[] {
  const { now, columns, paint } = view;
  switch (effect.kind) {
    case "send":
      return [];
    case "opened":
    case "turned":
      return questionLines(effect.query, view);
    case "queued":
      return wrapped(queuedText(effect.query, now), columns);
    case "answered":
      return wrapped(
        `#${effect.query.id} ${answeredText(effect.answer.action, effect.released, effect.rule, now)}`,
        columns,
      );
    case "failed":
      return wrapped(`#${effect.query.id} not answered: ${safeLine(effect.message)}`, columns).map((line) =>
        paint(line, "bad"),
      );
    case "elsewhere":
      return wrapped(`#${effect.query.id} ${closedText(effect.verdict, effect.reason)}`, columns);
    case "lost":
      return [paint(`${effect.count} events lost; looking again at what is open`, "bad")];
    case "gone":
      return [`#${effect.query.id} is not open any more`];
    case "nothing-open":
      return ["no questions are open"];
    case "moved-under-finger":
      return wrapped(`that key was not taken: the question changed to #${effect.query.id} just then`, columns);
  }
}

function closedText(verdict: Answer["action"], reason: Reason): string {
  if (reason.kind === "timeout") return "expired: nobody answered in time, dropped";
  const done = { ACCEPT: "allowed", DROP: "denied", REJECT: "rejected" }[verdict];
  return `closed elsewhere: ${done} (${reasonText(reason)})`;
}

/** A question in three or more lines: the program, who runs it and how, where it wants to go, how long it still waits. */
function questionLines(query: Query, { now, columns, paint }: View): string[] {
  const { app } = query;
  const number = `#${query.id} `;
  const runner = runnerText(query);
  const program = shorten(programText(app), Math.max(8, columns - width(number) - width(runner)));
  const isOutgoing = query.direction === "outgoing";
  const own = isOutgoing
    ? `from ${endText(query.source, query.protocol)}`
    : `to ${endText(query.destination, query.protocol)}`;
  const way = `${query.direction} ${safe(query.protocol)} ${own} on ${safe(query.interface)}`;
  const wait = `asked ${ago(query.since, now)}, ${left(query.deadline, now)}, ${query.count} held`;
  return [
    "",
    `${paint(number, "strong")}${paint(program, "ask")}${runner}`,
    ...processLines(app, Math.max(20, columns - 2)).map((line) => `  ${paint(line, "dim")}`),
    ...wrapped(`${isOutgoing ? "wants to reach" : "is wanted by"} ${peerText(query)}`, columns),
    ...wrapped(`${way}; ${wait}`, columns),
    ...wrapped(changedText(app) ?? "", columns)
      .filter((line) => line !== "")
      .map((line) => paint(line, "bad")),
  ];
}

/** A question that waits behind another, in short. */
function queuedText(query: Query, now: number): string {
  const wants = query.direction === "outgoing" ? "wants to reach" : "is wanted by";
  const wait = `asked ${ago(query.since, now)}, ${query.count} held`;
  const parent = parentText(query.app);
  const program = `${programText(query.app)}${parent === undefined ? "" : ` ${parent}`}`;
  return `#${query.id} ${program}${runnerText(query)} ${wants} ${peerText(query)}; ${wait}`;
}

function runnerText({ app }: Query): string {
  return ` (${app.pid === undefined ? "" : `pid ${app.pid}, `}user ${userText(app)})`;
}

function wrapped(text: string, columns: number): string[] {
  return wrap(text, Math.max(20, columns - 2)).map((line, index) => (index === 0 ? line : `  ${line}`));
}

export function helpLines(): string[] {
  return ["keys:", ...[...KEYS].map(([key, { does }]) => `  ${key}  ${does}`)];
}

const ACTIONS = "[a]llow [d]eny [r]eject [s]kip [q]uit [?]";

/** The line at the bottom: which question the keys answer. It leaves the last column free, so that it never breaks. */
export function promptText(state: WatchState, { now, columns }: View): string {
  const room = Math.max(1, columns - 1);
  const query = currentQuery(state);
  if (!query) return head("waiting for questions; [?] for help, [q] to quit", room);
  const place = state.open.findIndex((open) => open.id === query.id) + 1;
  const front = `${place} of ${state.open.length}: #${query.id}`;
  const time = `${left(query.deadline, now)}${query.count > 1 ? `, ${query.count} held` : ""}`;
  const space = room - width(`${front}  (${time}) ${ACTIONS}`);
  const program = space >= 8 ? ` ${shorten(programText(query.app), space)}` : "";
  return head(`${front}${program} (${time}) ${ACTIONS}`, room);
}
