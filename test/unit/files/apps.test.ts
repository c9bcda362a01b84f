import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { checksum, dropApp, formatAppLine, formatApps, parseApps, putApp } from "../../../ts/files/apps.js";
import { FileError, UnwritableError } from "../../../ts/files/error.js";

const legacy = readFileSync(new URL("../fixtures/apps", import.meta.url), "utf8");
const appx = { path: "/tmp/appx", mtime: 1795358187, size: 35668, checksum: 0x1838d4f5 };
const problemOf = (work: () => unknown): string => {
  try {
    work();
  } catch (error) {
    if (error instanceof FileError) return error.message;
    throw error;
  }
  throw new Error("nothing was refused");
};

describe("an apps file that the original wrote", () => {
  test("says what its columns say", () => {
    expect(parseApps(legacy).apps).toEqual([appx]);
  });

  test("is written back byte for byte", () => {
    expect(formatApps(parseApps(legacy))).toBe(legacy);
  });

  test("comes out byte for byte when its programs are put into an empty file", () => {
    expect(formatApps(putApp(parseApps(""), appx))).toBe(legacy);
  });
});

describe("the original's checksum", () => {
  test.each([
    ["of nothing", [], 0],
    ["of one byte is its square", [255], 65025],
    ["of several is the sum", [1, 2, 3], 14],
    ["does not see bytes that change places", [3, 2, 1], 14],
  ])("%s", (_name, bytes, sum) => {
    expect(checksum(Uint8Array.from(bytes))).toBe(sum);
  });

  test("goes round at 2^32, and can be taken piece by piece", () => {
    const piece = new Uint8Array(100_000).fill(255);
    expect(checksum(piece)).toBe((100_000 * 65025) % 2 ** 32);
    fc.assert(
      fc.property(fc.uint8Array(), fc.uint8Array(), (a, b) => {
        const whole = Number([...a, ...b].reduce((sum, byte) => sum + BigInt(byte * byte), 0n) % 2n ** 32n);
        expect(checksum(b, checksum(a))).toBe(whole);
      }),
    );
  });
});

describe("a line of the apps file", () => {
  test.each([
    ["a path with blanks", "/opt/My  App/run it 1 2 ff", { path: "/opt/My  App/run it", mtime: 1, size: 2 }],
    ["a path that ends in numbers", "/bin/x 9 1 2 ff", { path: "/bin/x 9", mtime: 1, size: 2, checksum: 255 }],
    ["a time before 1970", "/bin/x -5 2 0", { mtime: -5, checksum: 0 }],
    ["tabs and blanks mixed", "  /bin/x\t1 \t 2\tFF  ", { path: "/bin/x", checksum: 255 }],
  ])("takes %s", (_name, line, expected) => {
    expect(parseApps(`[apps]\n${line}\n`).apps).toMatchObject([expected]);
  });

  test.each([
    ["too few fields", "/bin/x 1 2", "apps:2: the line is no registered program; expected path mtime size checksum"],
    ["a checksum that is no number", "/bin/x 1 2 xyz", "apps:2: the line is no registered program"],
    ["a path that is none", "bin/x 1 2 ff", 'apps:2: program "bin/x" is not a path; expected an absolute path'],
    ["any program", "* 1 2 ff", 'apps:2: program "*" is not a path'],
    ["a program that stands above already", "/bin/x 1 2 ff\n/bin/x 1 2 ff", 'apps:3: "/bin/x" stands twice'],
  ])("is refused for %s", (_name, lines, message) => {
    expect(problemOf(() => parseApps(`[apps]\n${lines}\n`))).toContain(message);
  });
});

test("a program is put in its place or behind all, and dropped with its line and nothing else", () => {
  const text = "# mine\n[apps]\n# one\n/bin/one 1 1 1\n# two\n/bin/two 2 2 2\n";
  const three = { path: "/bin/three", mtime: 3, size: 3, checksum: 3 };
  const put = putApp(putApp(parseApps(text), { ...three, path: "/bin/one" }), three);
  const line = (path: string) => formatAppLine({ ...three, path });
  expect(formatApps(put)).toBe(
    `# mine\n[apps]\n# one\n${line("/bin/one")}\n# two\n/bin/two 2 2 2\n${line("/bin/three")}\n`,
  );
  const dropped = dropApp(put, "/bin/two");
  expect(dropped && formatApps(dropped)).toBe(
    `# mine\n[apps]\n# one\n${line("/bin/one")}\n# two\n${line("/bin/three")}\n`,
  );
  expect(dropped && parseApps(formatApps(dropped))).toEqual(dropped);
  expect(dropApp(put, "/bin/four")).toBeUndefined();
});

describe("for any input", () => {
  const app = fc.record({
    path: fc
      .string({ unit: fc.constantFrom(...'aZ09-./:*#[] "\\é\u00a0\t\r\n'.split("")), maxLength: 80 })
      .map((name) => `/${name}`),
    mtime: fc.integer({ min: -(2 ** 31), max: 2 ** 31 }),
    size: fc.nat(2 ** 31 - 1),
    checksum: fc.nat(2 ** 32 - 1),
  });

  test("programs that are put read back as they are, or are refused", () => {
    fc.assert(
      fc.property(fc.uniqueArray(app, { selector: ({ path }) => path, maxLength: 5 }), (all) => {
        let document = parseApps("");
        const written = all.filter((each) => {
          try {
            document = putApp(document, each);
            return true;
          } catch (error) {
            if (!(error instanceof UnwritableError)) throw error;
            expect(each.path).toMatch(/[\t\r\n]|\s$/);
            return false;
          }
        });
        expect(parseApps(formatApps(document)).apps).toEqual(written);
      }),
    );
  });

  test("a file is read or refused with the one error type, and writing it again changes nothing", () => {
    const line = fc.oneof(
      fc.string(),
      fc.constantFrom("[apps]", "# c", "", "/bin/x 1 2 ff", legacy.split("\n")[0] ?? ""),
    );
    fc.assert(
      fc.property(fc.array(line, { maxLength: 8 }), (lines) => {
        try {
          const once = formatApps(parseApps(lines.join("\n")));
          expect(formatApps(parseApps(once))).toBe(once);
        } catch (error) {
          if (!(error instanceof FileError)) throw error;
          expect(error.message).toMatch(/^apps:\d+: .*; expected /);
          expect(error.message).not.toContain("\n");
        }
      }),
    );
  });
});
