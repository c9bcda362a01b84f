import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { safe, safeJson, safeLine } from "../../../ts/cli/text/sanitize.js";

/** Texts in which hostile characters are frequent. */
const hostile = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        "\u001b[2J",
        "\u009b31m",
        "\u202e",
        "\u2066",
        "\u200b",
        "\r",
        "\n",
        "\u0007",
        "\u2028",
        "\\",
        "\ud800",
        "\ufeff",
        "\u007f",
      ),
      fc.string({ unit: "binary" }),
    ),
  )
  .map((parts) => parts.join(""));
const UNSAFE = /[\p{C}\p{Zl}\p{Zp}]/u;

describe("text from programs and hosts", () => {
  it.each([
    ["a plain path", "/usr/bin/curl", "/usr/bin/curl"],
    ["a path with umlauts", "/home/jürgen/bin/läuft", "/home/jürgen/bin/läuft"],
    ["an escape sequence", "/tmp/\u001b[31mred", "/tmp/\\x1b[31mred"],
    ["an eight-bit control sequence", "/tmp/\u009b31m", "/tmp/\\x9b31m"],
    ["a bidi override", "/tmp/gpj.\u202eexe", "/tmp/gpj.\\u{202e}exe"],
    ["a line end", "a\nb", "a\\x0ab"],
    ["a backslash", "a\\x0ab", "a\\\\x0ab"],
  ])("shows %s so that it harms nobody", (_what, text, shown) => {
    expect(safe(text)).toBe(shown);
  });

  it("never reaches the terminal with a character that steers it", () => {
    fc.assert(fc.property(hostile, (text) => !UNSAFE.test(safe(text)) && !UNSAFE.test(safeLine(text))));
  });

  it("never looks the same for two different names", () => {
    fc.assert(fc.property(hostile, hostile, (one, other) => one === other || safe(one) !== safe(other)));
  });

  it("stays the same value in JSON, without a character that steers the terminal", () => {
    fc.assert(
      fc.property(hostile, (text) => {
        const json = safeJson({ [text]: [text] });
        expect(JSON.parse(json)).toEqual({ [text]: [text] });
        expect(json).not.toMatch(UNSAFE);
      }),
    );
  });

  it("keeps a message on one line", () => {
    expect(safeLine(" rules:3: bad\n\tport ")).toBe("rules:3: bad port");
  });
});
