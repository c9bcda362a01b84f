import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseDuration } from "../../../ts/cli/parse/duration.js";
import { ago, left, span } from "../../../ts/cli/text/time.js";
import { TextError } from "../../../ts/model/text.js";

const SECOND = 1000;
const HOUR = 3600 * SECOND;

describe("a time span on the command line", () => {
  it.each([
    ["90s", 90 * SECOND],
    ["15m", 900 * SECOND],
    ["1h", HOUR],
    ["1h30m", 1.5 * HOUR],
    ["2d", 48 * HOUR],
    ["1d1h1m1s", 25 * HOUR + 61 * SECOND],
  ])("%s is %i ms", (text, milliseconds) => {
    expect(parseDuration(text)).toBe(milliseconds);
  });

  it.each(["", "1", "h", "0s", "-1h", "1.5h", "1m1h", "1h1h", " 1h", "1w", "99999999d"])("%j is refused", (text) => {
    expect(() => parseDuration(text)).toThrow(TextError);
  });

  it("is a whole number of seconds or a TextError, whatever is typed", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.stringMatching(/^[0-9dhms]{0,12}$/)), (text) => {
        try {
          const milliseconds = parseDuration(text);
          return milliseconds > 0 && milliseconds % SECOND === 0;
        } catch (error) {
          return error instanceof TextError;
        }
      }),
    );
  });

  it("comes back as it is shown, when it has no more than two units", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 3599 }), (seconds) => {
        expect(parseDuration(span(seconds * SECOND).replace(" ", ""))).toBe(seconds * SECOND);
      }),
    );
  });
});

describe("times for people", () => {
  it.each([
    [0, "0s"],
    [999, "0s"],
    [48 * SECOND, "48s"],
    [192 * SECOND, "3m 12s"],
    [HOUR, "1h"],
    [HOUR + 5 * SECOND, "1h"],
    [52 * HOUR, "2d 4h"],
    [-5, "0s"],
  ])("%i ms are %s", (milliseconds, shown) => {
    expect(span(milliseconds)).toBe(shown);
  });

  it("say how long ago, how long still, and when never or over", () => {
    expect([ago(1000, 13_000), ago(null, 5), left(49_000, 1000), left(1000, 1000)]).toEqual([
      "12s ago",
      "never",
      "48s left",
      "over",
    ]);
  });
});
