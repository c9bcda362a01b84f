import { mkdtemp, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { groupNumber, parseAccounts, userNames } from "../../../ts/files/accounts.js";

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "desktopfw-accounts-"));
});
afterEach(() => rm(directory, { recursive: true }));

test.each([
  [
    "root:x:0:0:root:/root:/bin/sh\njoe:x:1000:1000::/home/joe:\n",
    [
      [0, "root"],
      [1000, "joe"],
    ],
  ],
  ["# comment\n\nbroken\nx:y:z\n+:::\njoe:x:1000:\n", [[1000, "joe"]]],
  ["first:x:7:\nsecond:x:7:\n", [[7, "first"]]],
])("the accounts in %j are found by number", (text, expected) => {
  expect([...parseAccounts(text).byNumber]).toEqual(expected);
});

test("a user added later gets its name, a second after the last look", async () => {
  const path = join(directory, "passwd");
  await writeFile(path, "root:x:0:0:::\n");
  const clock = { now: 0 };
  const names = userNames(path, () => clock.now);
  expect([names(0), names(1000)]).toEqual(["root", undefined]);
  await writeFile(path, "root:x:0:0:::\njoe:x:1000:1000:::\n");
  await utimes(path, 1, 1);
  expect(names(1000)).toBeUndefined();
  clock.now = 1000;
  expect(names(1000)).toBe("joe");
  await rm(path);
  clock.now = 2000;
  expect(names(1000)).toBe("joe");
});

test("a group has its number, a missing group or file none", async () => {
  const path = join(directory, "group");
  await writeFile(path, "root:x:0:\ndesktopfw:x:991:joe\n");
  expect(groupNumber("desktopfw", path)).toBe(991);
  expect(groupNumber("nobody-has-this", path)).toBeUndefined();
  expect(groupNumber("desktopfw", join(directory, "none"))).toBeUndefined();
});
