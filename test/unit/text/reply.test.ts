import { describe, expect, test } from "vitest";
import { clean, fourDigits, replyText, wholeNumber } from "../../../ts/faces/text/reply.js";

test.each([
  [[], "\n"],
  [["one"], "one\n\n"],
  [["one", "two"], "one\ntwo\n\n"],
])("a reply of %j ends with an empty line", (lines, text) => {
  expect(replyText(lines)).toBe(text);
});

describe("what others chose", () => {
  test.each([
    ["/usr/bin/curl", "/usr/bin/curl"],
    ["/tmp/with blanks", "/tmp/with blanks"],
    ["/tmp/a\nQ[2] APP[/usr/bin/curl]", "/tmp/a?Q[2] APP[/usr/bin/curl]"],
    ["/tmp/a\tACCEPT", "/tmp/a?ACCEPT"],
    ["/tmp/\x1b[2J\x9b", "/tmp/?[2J?"],
    ["/tmp/\u202egnp.exe\u2028", "/tmp/?gnp.exe?"],
  ])("%j stands on its line as %j", (value, shown) => {
    expect(clean(value)).toBe(shown);
  });
});

test.each([
  ["0", 0],
  ["007", 7],
  ["-1", undefined],
  ["1e3", undefined],
  ["0x1", undefined],
  ["", undefined],
  [undefined, undefined],
  ["99999999999", undefined],
])("the number %j is %j", (word, number) => {
  expect(wholeNumber(word)).toBe(number);
});

test.each([
  [0, "0000"],
  [42, "0042"],
  [12_345, "12345"],
])("%i is written as %s", (number, text) => {
  expect(fourDigits(number)).toBe(text);
});
