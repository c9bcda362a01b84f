import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { coloured, paintFor, plain } from "../../../ts/cli/text/style.js";
import { type Column, table } from "../../../ts/cli/text/table.js";
import { shorten, width, wrap } from "../../../ts/cli/text/width.js";

const COLUMNS: Column[] = [
  { title: "ID", align: "right" },
  { title: "PROGRAM", atLeast: 10 },
  { title: "FROM", hiddenWhenAll: "any" },
];

describe("a table", () => {
  it("lines its columns up and leaves out one that says nothing", () => {
    const rows = [{ cells: ["7", "/usr/bin/curl", "any"] }, { cells: ["12", "/bin/nc", "any"] }];
    expect(table(COLUMNS, rows, 80, plain)).toEqual(["ID  PROGRAM", " 7  /usr/bin/curl", "12  /bin/nc"]);
  });

  it("shortens a long path in its middle, so that the program's name stays in sight", () => {
    const path = `/opt/${"deep/".repeat(20)}program`;
    const [, line = ""] = table(COLUMNS, [{ cells: ["7", path, "10.0.0.1"] }], 40, plain);
    expect(line).toMatch(/^ 7 {2}\/opt\S*…\S*\/program {2}10\.0\.0\.1$/);
    expect(width(line)).toBe(40);
  });

  it("colours a cell without moving its neighbours", () => {
    const rows = [{ cells: [{ text: "7", tone: "good" as const }, "/bin/nc", "x"] }];
    const bare = table(COLUMNS, rows, 80, plain);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: colours are such characters
    const stripped = table(COLUMNS, rows, 80, coloured).map((line) => line.replace(/\u001b\[\d+m/g, ""));
    expect(stripped).toEqual(bare);
  });

  it("is never wider than the terminal, whatever the names are", () => {
    const cell = fc.oneof(fc.string({ unit: "grapheme", maxLength: 60 }), fc.constant("漢字かな交じり文".repeat(5)));
    fc.assert(
      fc.property(
        fc.array(fc.record({ cells: fc.tuple(cell, cell, cell), notes: fc.array(cell, { maxLength: 2 }) }), {
          maxLength: 8,
        }),
        fc.integer({ min: 12, max: 120 }),
        (rows, available) => table(COLUMNS, rows, available, plain).every((line) => width(line) <= available),
      ),
    );
  });
});

describe("shortening and wrapping", () => {
  it.each([
    ["abc", 3, "abc"],
    ["abcdefghij", 5, "a…hij"],
    ["漢字漢字", 5, "…字"],
    ["abc", 0, ""],
    ["abc", 1, "…"],
  ])("%j in %i columns is %j", (text, columns, shown) => {
    expect(shorten(text, columns)).toBe(shown);
  });

  it("wraps at blanks and loses no word that fits", () => {
    fc.assert(
      fc.property(fc.array(fc.stringMatching(/^[a-z]{1,10}$/)), (words) => {
        const lines = wrap(words.join(" "), 10);
        expect(lines.every((line) => width(line) <= 10)).toBe(true);
        expect(lines.join(" ")).toBe(words.join(" "));
      }),
    );
  });
});

describe("colours", () => {
  it.each([
    [true, {}, true],
    [true, { NO_COLOR: "" }, true],
    [true, { NO_COLOR: "1" }, false],
    [true, { TERM: "dumb" }, false],
    [false, {}, false],
  ])("on a terminal: %s, with %j: %s", (isTerminal, environment, wanted) => {
    expect(paintFor(isTerminal, environment) === coloured).toBe(wanted);
  });
});
