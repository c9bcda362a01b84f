import type { Answer } from "../../model/query.js";

export type AnswerKey = Pick<Answer, "action" | "lifetime" | "scope">;
export type Key = { kind: "answer"; answer: AnswerKey } | { kind: "skip" } | { kind: "quit" } | { kind: "help" };

interface Binding {
  key: Key;
  does: string;
}

function answer(action: Answer["action"], lifetime: Answer["lifetime"], scope: Answer["scope"] = "host"): Key {
  return { kind: "answer", answer: { action, lifetime, scope } };
}

/** Each key and what the help says about it. */
export const KEYS: ReadonlyMap<string, Binding> = new Map([
  ["a", { key: answer("ACCEPT", "session"), does: "allow, while in use, to this host and port" }],
  ["A", { key: answer("ACCEPT", "permanent"), does: "allow for good, to this host and port" }],
  ["w", { key: answer("ACCEPT", "session", "anywhere"), does: "allow, while in use, anywhere" }],
  ["o", { key: answer("ACCEPT", "once"), does: "allow once: let go what waits, make no rule" }],
  ["d", { key: answer("DROP", "session"), does: "deny, while in use, to this host and port" }],
  ["D", { key: answer("DROP", "permanent"), does: "deny for good, to this host and port" }],
  ["r", { key: answer("REJECT", "session"), does: "reject: the program sees an error at once" }],
  ["s", { key: { kind: "skip" }, does: "skip to the next question" }],
  ["q", { key: { kind: "quit" }, does: "quit; open questions stay open" }],
  ["?", { key: { kind: "help" }, does: "this help" }],
]);

const QUIT = new Set(["\u0003", "\u0004"]);

/**
 * The key in what the terminal sent at once. Only the first character counts: more of them are a paste or an escape
 * sequence, and must not answer several questions. Ctrl-C and Ctrl-D quit.
 */
export function keyOf(chunk: string): Key | undefined {
  const [first = ""] = chunk;
  return QUIT.has(first) ? { kind: "quit" } : KEYS.get(first)?.key;
}
