import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createLineReader, type Input } from "../../../ts/faces/text/lines.js";

const LIMIT = 16;
const line = (text: string): Input => ({ kind: "line", text });
const telnet = (...bytes: number[]): Input => ({ kind: "telnet", answer: Buffer.from(bytes) });
const notText: Input = { kind: "not-text" };
const tooLong: Input = { kind: "too-long" };

function read(...chunks: (string | number[])[]): Input[] {
  const reader = createLineReader(LIMIT);
  return chunks.flatMap((chunk) => [
    ...reader.read(typeof chunk === "string" ? Buffer.from(chunk) : Buffer.from(chunk)),
  ]);
}

describe("a client's bytes are read as lines", () => {
  test.each<[string, (string | number[])[], Input[]]>([
    ["that end in \\r\\n", ["LIST\r\n"], [line("LIST")]],
    ["that end in \\n", ["LIST\nDEV\n"], [line("LIST"), line("DEV")]],
    ["that come in pieces", ["LI", "ST\r", "\nD"], [line("LIST")]],
    ["that are empty", ["\r\n\n"], [line(""), line("")]],
    ["with every blank kept", [" a  b \n"], [line(" a  b ")]],
    ["with tabs and letters of all languages", ["a\tłąż €\n"], [line("a\tłąż €")]],
    ["as long as may be", [`${"x".repeat(LIMIT)}\r\n`], [line("x".repeat(LIMIT))]],
    ["but not one byte longer", [`${"x".repeat(LIMIT + 1)}\n`], [tooLong]],
    ["and nothing after one that is too long", [`${"x".repeat(LIMIT + 1)}`, "\nLIST\n"], [tooLong]],
    ["and a \\r that ends none counts as one byte of them", [`${"x".repeat(LIMIT)}\rx`], [tooLong]],
    ["but not what is half a line", ["LIST"], []],
    ["but not NUL", ["LI\0ST\nDEV\n"], [notText, line("DEV")]],
    ["but not other control characters", ["\x1b[A\n", "a\rb\n", "\x7f\n", "\u0085\n"], Array(4).fill(notText)],
    [
      "but not bytes that are no UTF-8",
      [
        [0xc3, 0x28, 0x0a],
        [0xc3, 0x0a],
      ],
      [notText, notText],
    ],
  ])("%s", (_what, chunks, expected) => {
    expect(read(...chunks)).toEqual(expected);
  });
});

describe("what telnet says beside the text does not disturb it", () => {
  test.each<[string, (string | number[])[], Input[]]>([
    ["DO is refused", ["LI", [255, 253, 6], "ST\n"], [telnet(255, 252, 6), line("LIST")]],
    ["WILL is refused", [[255, 251, 31], "\n"], [telnet(255, 254, 31), line("")]],
    ["DONT and WONT need no answer", [[255, 254, 1, 255, 252, 1], "x\n"], [line("x")]],
    ["a command of two bytes is passed over", [[255, 244], "x\n"], [line("x")]],
    ["in pieces too", [[255], [253], [6], "x\n"], [telnet(255, 252, 6), line("x")]],
    ["a subnegotiation is passed over", [[255, 250, 31, 0x0a, 255, 255, 0, 255, 240], "x\n"], [line("x")]],
    ["a subnegotiation without an end is too long", [[255, 250, ...Array(LIMIT + 1).fill(1)]], [tooLong]],
    ["255 that is meant is no text", [[255, 255, 0x0a]], [notText]],
    ["255 without an end is too long", [Array(2 * LIMIT + 2).fill(255)], [tooLong]],
  ])("%s", (_what, chunks, expected) => {
    expect(read(...chunks)).toEqual(expected);
  });
});

test("how the bytes are cut into chunks makes no difference", () => {
  const telling = fc.constantFrom(0x0a, 0x0d, 0x41, 0xff, 0xfd, 0xfb, 0xfa, 0xf0, 0xc3, 0);
  fc.assert(
    fc.property(fc.array(fc.oneof(telling, fc.nat(255)), { maxLength: 200 }), fc.nat(200), (bytes, at) => {
      expect(read(bytes.slice(0, at), bytes.slice(at))).toEqual(read(bytes));
      expect(read(...bytes.map((byte) => [byte]))).toEqual(read(bytes));
    }),
  );
});

test("whatever comes, no line is longer than the limit, and none holds a line end", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
      for (const input of read([...bytes])) {
        if (input.kind !== "line") continue;
        expect(Buffer.byteLength(input.text)).toBeLessThanOrEqual(LIMIT);
        expect(input.text).not.toMatch(/[\r\n]/);
      }
    }),
  );
});
