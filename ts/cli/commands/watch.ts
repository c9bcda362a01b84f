import type { Event } from "../../model/event.js";
import type { Answer } from "../../model/query.js";
import type { DocumentedCommand } from "../command.js";
import { Failure, failureOf } from "../failure.js";
import { follow } from "../follow.js";
import type { Io } from "../io.js";
import { type Session, withDaemon } from "../session.js";
import { safeJson } from "../text/sanitize.js";
import { keyOf } from "../watch/keys.js";
import { promptScreen, withRawKeyboard } from "../watch/screen.js";
import { INITIAL, step, type WatchInput } from "../watch/state.js";
import { effectLines, helpLines, promptText } from "../watch/view.js";

export function addWatch(program: DocumentedCommand, io: Io): void {
  program
    .command("watch")
    .description("show each question as it opens, and answer it with one key")
    .example("fwctl watch", "answer in the terminal; ? shows the keys")
    .example("fwctl --json watch", "the questions as they open, change and close, one JSON object a line; no keys")
    .action(
      withDaemon(io, async (session) => {
        await session.api.status.get.query();
        await (session.json ? stream(session) : ask(session));
      }),
    );
}

function stream({ api, io }: Session): Promise<void> {
  return follow<Event>(
    (handlers) => api.queries.watch.subscribe(undefined, handlers),
    (event) => io.out(`${safeJson(event)}\n`),
  );
}

const SECOND = 1000;

/** Asks in the terminal until the person quits. */
async function ask({ api, io, socket }: Session): Promise<void> {
  if (!io.keyboard || !io.isTerminal) {
    throw new Failure(
      "watch needs a terminal to show questions and take keys; use `fwctl queries`, or `fwctl --json watch`",
    );
  }
  const quit = new AbortController();
  const screen = promptScreen(io.out);
  const view = () => ({ now: io.now(), columns: io.columns(), paint: io.paint });
  const pending = new Set<Promise<void>>();
  let state = INITIAL;
  let ended = false;
  const draw = () => screen.prompt(promptText(state, view()));
  const send = (answer: Answer) => {
    const { id } = answer;
    const sent = api.queries.answer
      .mutate(answer)
      .then((result) => take({ kind: "answered", id, ...result }))
      .catch((error: unknown) => take({ kind: "failed", id, message: failureOf(error, socket).message }))
      .finally(() => pending.delete(sent));
    pending.add(sent);
  };
  const list = () => {
    const listed = api.queries.list
      .query()
      .then((queries) => take({ kind: "listed", queries }))
      .catch((error: unknown) => screen.print([`fwctl: ${failureOf(error, socket).message}`]))
      .finally(() => pending.delete(listed));
    pending.add(listed);
  };
  const take = (input: WatchInput) => {
    if (ended) return;
    const next = step(state, input, io.now());
    state = next.state;
    for (const effect of next.effects) {
      screen.print(effectLines(effect, view()));
      if (effect.kind === "send") send(effect.answer);
      if (effect.kind === "lost") list();
    }
    if (!quit.signal.aborted) draw();
  };
  const onKeys = (chunk: string) => {
    const key = keyOf(chunk);
    if (key?.kind === "quit") quit.abort();
    else if (key?.kind === "help") screen.print(helpLines());
    else if (key) take(key);
  };
  const tick = setInterval(draw, SECOND);
  try {
    await withRawKeyboard(
      io.keyboard,
      onKeys,
      () => quit.abort(),
      () => {
        draw();
        return follow<Event>(
          (handlers) => api.queries.watch.subscribe(undefined, handlers),
          (event) => take({ kind: "event", event }),
          quit.signal,
        );
      },
    );
    await Promise.all(pending);
  } finally {
    ended = true;
    clearInterval(tick);
    screen.end();
  }
}
