import { describe, expect, test } from "vitest";
import { RuleBook } from "../../../ts/control/rulebook.js";
import { RuleFields, RuleInput } from "../../../ts/model/rule.js";

const rule = (app: string) => RuleFields.parse({ action: "ACCEPT", app });
const session = (app: string) => RuleInput.parse({ action: "ACCEPT", app, lifetime: "session", idleLimit: 60 });
const shown = (book: RuleBook) => book.inOrder().map(({ id, app }) => `${id} ${app}`);

test("session rules stand first, the newest before all", () => {
  const book = new RuleBook([rule("/a"), rule("/b")]);
  book.addSession(session("/c"));
  book.addSession(session("/d"));
  expect(shown(book)).toEqual(["4 /d", "3 /c", "1 /a", "2 /b"]);
});

test("a permanent rule stands where it was put, and a number is never used again", () => {
  const book = new RuleBook([rule("/a"), rule("/b")]);
  book.remove(2);
  book.addPermanent(rule("/c"), 0);
  expect(shown(book)).toEqual(["3 /c", "1 /a"]);
  expect(book.find(2)).toBeUndefined();
  expect(book.remove(2)).toBeUndefined();
});

describe("a reload", () => {
  test.each([
    ["the same", ["/a", "/b"], ["1 /a", "2 /b"], [], []],
    ["one added in front", ["/x", "/a", "/b"], ["4 /x", "1 /a", "2 /b"], ["/x"], []],
    ["one taken out", ["/b"], ["2 /b"], [], ["/a"]],
    ["the order turned round", ["/b", "/a"], ["2 /b", "1 /a"], [], []],
    ["one said twice", ["/a", "/a", "/b"], ["1 /a", "4 /a", "2 /b"], ["/a"], []],
    ["all others", ["/y"], ["4 /y"], ["/y"], ["/a", "/b"]],
  ])("keeps the numbers of unchanged rules: %s", (_name, file, expected, added, removed) => {
    const book = new RuleBook([rule("/a"), rule("/b")]);
    book.addSession(session("/s"));
    const changes = book.adopt(file.map(rule));
    expect(shown(book)).toEqual(["3 /s", ...expected]);
    expect(changes.added.map(({ app }) => app)).toEqual(added);
    expect(changes.removed.map(({ app }) => app)).toEqual(removed);
  });

  test("tells whether anything is to be done", () => {
    const book = new RuleBook([rule("/a"), rule("/b")]);
    expect(book.adopt([rule("/a"), rule("/b")]).changed).toBe(false);
    expect(book.adopt([rule("/b"), rule("/a")]).changed).toBe(true);
  });
});
