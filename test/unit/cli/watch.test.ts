import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { plain } from "../../../ts/cli/text/style.js";
import { width } from "../../../ts/cli/text/width.js";
import { keyOf } from "../../../ts/cli/watch/keys.js";
import { INITIAL, SETTLING, type Step, step, type WatchInput, type WatchState } from "../../../ts/cli/watch/state.js";
import { effectLines, promptText } from "../../../ts/cli/watch/view.js";
import type { Event } from "../../../ts/model/event.js";
import type { Query } from "../../../ts/model/query.js";

const NOW = 1_800_000_000_000;

function query(id: number): Query {
  return {
    id,
    direction: "outgoing",
    protocol: "tcp",
    interface: "eth0",
    source: { ip: "10.0.0.2", port: 40_000 + id },
    destination: { ip: "10.0.0.1", port: 443 },
    app: {
      path: `/usr/bin/program${id}`,
      pid: 100 + id,
      user: "anna",
      arguments: [`program${id}`, "--long".repeat(10 * id), "of two words"],
      parents: [
        { pid: 90, path: "/usr/bin/bash" },
        { pid: 80, path: "/usr/sbin/sshd" },
      ],
      cgroup: "/user.slice/user-1000.slice",
    },
    since: NOW,
    deadline: NOW + 60_000,
    count: 1,
  };
}

function opened(id: number): WatchInput {
  return { kind: "event", event: { type: "query-opened", at: NOW, query: query(id) } };
}

function closed(id: number, kind: Extract<Event, { type: "query-closed" }>["reason"]["kind"] = "answer"): WatchInput {
  return { kind: "event", event: { type: "query-closed", at: NOW, id, verdict: "DROP", reason: { kind } } };
}

function key(character: string): WatchInput {
  const pressed = keyOf(character);
  if (pressed?.kind !== "answer" && pressed?.kind !== "skip") throw new Error(`${character} is no answer`);
  return pressed;
}

/** Plays the inputs one second apart, and gives the last state with the effects of all. */
function play(...inputs: WatchInput[]): Step {
  return inputs.reduce<Step>(
    ({ state, effects }, input, index) => {
      const next = step(state, input, NOW + index * 1000);
      return { state: next.state, effects: [...effects, ...next.effects] };
    },
    { state: INITIAL, effects: [] },
  );
}

function told({ effects }: Step): string[] {
  return effects.map((effect) => ("query" in effect ? `${effect.kind} ${effect.query.id}` : effect.kind));
}

describe("watch", () => {
  it.each([
    ["a", "ACCEPT", "session", "host"],
    ["A", "ACCEPT", "permanent", "host"],
    ["w", "ACCEPT", "session", "anywhere"],
    ["o", "ACCEPT", "once", "host"],
    ["d", "DROP", "session", "host"],
    ["D", "DROP", "permanent", "host"],
    ["r", "REJECT", "session", "host"],
  ])("key %s answers the question with %s, %s, %s", (character, action, lifetime, scope) => {
    const { effects } = play(opened(7), key(character));
    expect(effects.at(-1)).toEqual({ kind: "send", answer: { id: 7, action, lifetime, scope } });
  });

  it("answers the oldest question first and turns to the next one after each answer", () => {
    const played = play(opened(1), opened(2), opened(3), key("a"), key("d"));
    expect(told(played)).toEqual(["opened 1", "queued 2", "queued 3", "send", "turned 2", "send", "turned 3"]);
    expect(played.effects.filter((effect) => effect.kind === "send").map(({ answer }) => answer.id)).toEqual([1, 2]);
  });

  it("skips round to the first question after the last", () => {
    const ids = [play(opened(1), opened(2), key("s")), play(opened(1), opened(2), key("s"), key("s"))];
    expect(ids.map(({ state }) => state.current)).toEqual([2, 1]);
  });

  it("does not take a key that was meant for a question which closed a moment before", () => {
    const before = play(opened(1), opened(2), closed(1, "timeout")).state;
    const soon = step(before, key("a"), before.movedAt + SETTLING - 1);
    expect(soon.effects).toEqual([{ kind: "moved-under-finger", query: query(2) }]);
    expect(step(before, key("a"), before.movedAt + SETTLING).effects[0]).toMatchObject({ kind: "send" });
  });

  it("says when a question expired or was closed elsewhere, but not when this answer closed it", () => {
    expect(told(play(opened(1), closed(1)))).toEqual(["opened 1", "elsewhere 1"]);
    const answered: WatchInput = { kind: "answered", id: 1, released: 1, rule: null };
    expect(told(play(opened(1), key("a"), closed(1), answered))).toEqual(["opened 1", "send", "answered 1"]);
    expect(told(play(opened(1), key("a"), answered, closed(1)))).toEqual(["opened 1", "send", "answered 1"]);
  });

  it("brings a question back whose answer was refused, and not one that is closed", () => {
    const failed: WatchInput = { kind: "failed", id: 1, message: "the disk is full" };
    expect(play(opened(1), opened(2), key("a"), failed).state.open.map(({ id }) => id)).toEqual([1, 2]);
    expect(play(opened(1), opened(2), key("a"), closed(1), failed).state.open.map(({ id }) => id)).toEqual([2]);
  });

  it("looks again at what is open when events were lost", () => {
    const lost: WatchInput = { kind: "event", event: { type: "events-dropped", at: NOW, count: 5 } };
    const listed: WatchInput = { kind: "listed", queries: [query(2), query(3)] };
    const played = play(opened(1), opened(2), lost, listed);
    expect(told(played)).toEqual(["opened 1", "queued 2", "lost", "gone 1", "queued 3", "turned 2"]);
  });

  it("shows with a question who started the program, how, and where it runs", () => {
    const view = { now: NOW, columns: 60, paint: plain };
    const lines = play(opened(1), opened(2)).effects.flatMap((effect) => effectLines(effect, view));
    const [, program, ...facts] = lines;
    expect(program).toBe("#1 /usr/bin/program1 (pid 101, user anna)");
    expect(facts.slice(0, 3)).toEqual([
      "  via /usr/bin/bash, /usr/sbin/sshd",
      `  started as program1 ${"--long".repeat(10).slice(0, 37)}…`,
      "  in cgroup /user.slice/user-1000.slice",
    ]);
    expect(lines).toContain("#2 /usr/bin/program2 via /usr/bin/bash (pid 102, user");
  });

  it("answers nothing when nothing is open", () => {
    expect(told(play(key("a")))).toEqual(["nothing-open"]);
  });

  it("takes one key of a paste or an escape sequence, and none that is not bound", () => {
    expect([keyOf("\u001b[A"), keyOf("x"), keyOf(""), keyOf("aaaa")]).toEqual([
      undefined,
      undefined,
      undefined,
      keyOf("a"),
    ]);
    expect([keyOf("\u0003"), keyOf("\u0004"), keyOf("q")].map((found) => found?.kind)).toEqual([
      "quit",
      "quit",
      "quit",
    ]);
  });
});

describe("watch, whatever happens in whatever order", () => {
  const input = fc.oneof(
    fc.integer({ min: 1, max: 4 }).map(opened),
    fc.integer({ min: 1, max: 4 }).map((id) => closed(id)),
    fc.integer({ min: 1, max: 4 }).map((id): WatchInput => ({ kind: "answered", id, released: 1, rule: null })),
    fc.integer({ min: 1, max: 4 }).map((id): WatchInput => ({ kind: "failed", id, message: "no" })),
    fc.subarray([1, 2, 3, 4]).map((ids): WatchInput => ({ kind: "listed", queries: ids.map(query) })),
    fc.constantFrom("a", "D", "s").map(key),
  );

  it("the keys answer an open question, if there is one, and each question is shown once in the list", () => {
    fc.assert(
      fc.property(fc.array(input, { maxLength: 40 }), (inputs) => {
        const { open, current }: WatchState = play(...inputs).state;
        const ids = open.map(({ id }) => id);
        expect(new Set(ids).size).toBe(ids.length);
        if (ids.length > 0) expect(ids).toContain(current);
        else expect(current).toBeUndefined();
      }),
    );
  });

  it("no line is wider than the terminal", () => {
    fc.assert(
      fc.property(fc.array(input, { maxLength: 20 }), fc.integer({ min: 40, max: 200 }), (inputs, columns) => {
        const { state, effects } = play(...inputs);
        const view = { now: NOW, columns, paint: plain };
        const lines = effects.flatMap((effect) => effectLines(effect, view));
        expect(Math.max(0, ...lines.map(width))).toBeLessThanOrEqual(columns);
        expect(width(promptText(state, view))).toBeLessThan(columns);
      }),
    );
  });
});
