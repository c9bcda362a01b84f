import type { Event, Reason } from "../../model/event.js";
import type { Answer, Query } from "../../model/query.js";
import type { Rule } from "../../model/rule.js";
import type { AnswerKey } from "./keys.js";

/** What the person sees and has said. Times in milliseconds since the epoch. */
export interface WatchState {
  /** Open questions, oldest first; those whose answer is on its way are not among them. */
  open: Query[];
  /** Id of the question that the keys answer. */
  current: number | undefined;
  /** Answers that were sent: what was said, and which of the two replies (the result, the closing) is still to come. */
  sent: ReadonlyMap<number, Sent>;
  /** When the question that the keys answer last changed without a key. */
  movedAt: number;
}
interface Sent {
  query: Query;
  answer: Answer;
  waitsFor: "both" | "closing" | "result";
}

export type WatchInput =
  | { kind: "event"; event: Event }
  | { kind: "answer"; answer: AnswerKey }
  | { kind: "skip" }
  | { kind: "answered"; id: number; released: number; rule: Rule | null }
  | { kind: "failed"; id: number; message: string }
  /** All open questions, asked for after events were lost. */
  | { kind: "listed"; queries: Query[] };

/** What there is to do or to tell after an input. */
export type WatchEffect =
  | { kind: "send"; answer: Answer }
  /** Opened, and the keys answer it. */
  | { kind: "opened"; query: Query }
  /** Opened while the keys answer another one. */
  | { kind: "queued"; query: Query }
  | { kind: "answered"; query: Query; answer: Answer; released: number; rule: Rule | null }
  | { kind: "failed"; query: Query; message: string }
  | { kind: "elsewhere"; query: Query; verdict: Answer["action"]; reason: Reason }
  /** Events were lost: ask for the open questions. */
  | { kind: "lost"; count: number }
  | { kind: "gone"; query: Query }
  /** The keys answer another question now, which was shown a while ago. */
  | { kind: "turned"; query: Query }
  | { kind: "nothing-open" }
  | { kind: "moved-under-finger"; query: Query };

export interface Step {
  state: WatchState;
  effects: WatchEffect[];
}

export const INITIAL: WatchState = { open: [], current: undefined, sent: new Map(), movedAt: 0 };

/** A key within this many ms after another question came up by itself was meant for the one before: it is not taken. */
export const SETTLING = 400;

export function step(state: WatchState, input: WatchInput, now: number): Step {
  const next = settle(state, input, now);
  const query = currentQuery(next.state);
  const effects = next.effects.map((effect) =>
    effect.kind === "opened" && effect.query.id !== query?.id ? { ...effect, kind: "queued" as const } : effect,
  );
  const turned = query && query.id !== state.current && !effects.some((effect) => effect.kind === "opened");
  return { state: next.state, effects: turned ? [...effects, { kind: "turned", query }] : effects };
}

function settle(state: WatchState, input: WatchInput, now: number): Step {
  switch (input.kind) {
    case "event":
      return onEvent(state, input.event, now);
    case "answer":
      return onAnswer(state, input.answer, now);
    case "skip":
      return { state: { ...state, current: after(state.open, state.current) }, effects: [] };
    case "answered": {
      const sent = state.sent.get(input.id);
      if (!sent) return { state, effects: [] };
      const { released, rule } = input;
      return {
        state: { ...state, sent: waitingFor(state.sent, input.id, "result") },
        effects: [{ kind: "answered", query: sent.query, answer: sent.answer, released, rule }],
      };
    }
    case "failed":
      return onFailed(state, input.id, input.message);
    case "listed":
      return onListed(state, input.queries, now);
  }
}

export function currentQuery(state: WatchState): Query | undefined {
  return state.open.find((query) => query.id === state.current);
}

function onEvent(state: WatchState, event: Event, now: number): Step {
  switch (event.type) {
    case "query-opened":
      if (state.sent.has(event.query.id)) return { state, effects: [] };
      if (state.open.some((query) => query.id === event.query.id))
        return { state: updated(state, event.query), effects: [] };
      return {
        state: {
          ...state,
          open: [...state.open, event.query],
          current: state.current ?? event.query.id,
        },
        effects: [{ kind: "opened", query: event.query }],
      };
    case "query-updated":
      return { state: updated(state, event.query), effects: [] };
    case "query-closed":
      return onClosed(state, event, now);
    case "events-dropped":
      return { state, effects: [{ kind: "lost", count: event.count }] };
    default:
      return { state, effects: [] };
  }
}

function updated(state: WatchState, query: Query): WatchState {
  return { ...state, open: state.open.map((known) => (known.id === query.id ? query : known)) };
}

function onClosed(state: WatchState, event: Extract<Event, { type: "query-closed" }>, now: number): Step {
  if (state.sent.has(event.id)) {
    return { state: { ...state, sent: waitingFor(state.sent, event.id, "closing") }, effects: [] };
  }
  const query = state.open.find((known) => known.id === event.id);
  if (!query) return { state, effects: [] };
  const moved = state.current === event.id ? { current: successor(state.open, event.id), movedAt: now } : {};
  return {
    state: { ...state, open: without(state.open, event.id), ...moved },
    effects: [{ kind: "elsewhere", query, verdict: event.verdict, reason: event.reason }],
  };
}

function onAnswer(state: WatchState, { action, lifetime, scope }: AnswerKey, now: number): Step {
  const query = currentQuery(state);
  if (!query) return { state, effects: [{ kind: "nothing-open" }] };
  if (now - state.movedAt < SETTLING) return { state, effects: [{ kind: "moved-under-finger", query }] };
  const answer: Answer = { id: query.id, action, lifetime, scope };
  const sent = new Map(state.sent).set(query.id, { query, answer, waitsFor: "both" });
  return {
    state: { ...state, open: without(state.open, query.id), current: successor(state.open, query.id), sent },
    effects: [{ kind: "send", answer }],
  };
}

/** A refused answer: the question may still be open, so it comes back, unless its closing was told already. */
function onFailed(state: WatchState, id: number, message: string): Step {
  const failed = state.sent.get(id);
  if (!failed) return { state, effects: [] };
  const sent = new Map(state.sent);
  sent.delete(id);
  const effects: WatchEffect[] = [{ kind: "failed", query: failed.query, message }];
  if (failed.waitsFor === "result") return { state: { ...state, sent }, effects };
  const open = [...state.open, failed.query].sort((one, other) => one.id - other.id);
  return { state: { ...state, open, current: state.current ?? id, sent }, effects };
}

/** Brings the open questions in line with the daemon's list. */
function onListed(state: WatchState, queries: Query[], now: number): Step {
  const ids = new Set(queries.map((query) => query.id));
  const sent = new Map([...state.sent].filter(([id, { waitsFor }]) => ids.has(id) || waitsFor !== "closing"));
  const open = queries.filter((query) => !sent.has(query.id));
  const known = new Set(state.open.map((query) => query.id));
  const stays = open.some((query) => query.id === state.current);
  return {
    state: { open, sent, current: stays ? state.current : open[0]?.id, movedAt: stays ? state.movedAt : now },
    effects: [
      ...state.open.filter(({ id }) => !ids.has(id)).map((query) => ({ kind: "gone" as const, query })),
      ...open.filter(({ id }) => !known.has(id)).map((query) => ({ kind: "opened" as const, query })),
    ],
  };
}

function waitingFor(sent: WatchState["sent"], id: number, arrived: "result" | "closing"): WatchState["sent"] {
  const next = new Map(sent);
  const entry = sent.get(id);
  if (!entry) return sent;
  if (entry.waitsFor === "both") next.set(id, { ...entry, waitsFor: arrived === "result" ? "closing" : "result" });
  else if (entry.waitsFor === arrived) next.delete(id);
  return next;
}

function without(open: Query[], id: number): Query[] {
  return open.filter((query) => query.id !== id);
}

/** The question after this one, else the first: this one itself when it is alone. */
function after(open: Query[], id: number | undefined): number | undefined {
  const place = open.findIndex((query) => query.id === id);
  return (open[place + 1] ?? open[0])?.id;
}

/** The same when this one goes; undefined when it was alone. */
function successor(open: Query[], id: number): number | undefined {
  const next = after(open, id);
  return next === id ? undefined : next;
}
