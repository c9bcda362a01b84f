import { chmod, chown, lstat, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { replaceFile, replaceSteps } from "../../../ts/files/replace.js";

let directory: string;
let path: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "desktopfw-replace-"));
  path = join(directory, "rules");
});
afterEach(() => rm(directory, { recursive: true }));
const text = (name: string) => readFile(join(directory, name), "utf8");

describe("a file that is replaced", () => {
  test("has the new content, and the one before it is kept as .old", async () => {
    await writeFile(path, "one");
    await replaceFile(path, "two", 0o600);
    await replaceFile(path, "three", 0o600);
    expect(await text("rules")).toBe("three");
    expect(await text("rules.old")).toBe("two");
  });

  test("leaves nothing else behind", async () => {
    await writeFile(path, "one");
    await replaceFile(path, "two", 0o600);
    expect(await readdir(directory)).toEqual(["rules", "rules.old"]);
  });

  test("keeps its owner and mode, as does its .old", async () => {
    await writeFile(path, "one");
    await chown(path, 1234, 4321);
    await chmod(path, 0o640);
    await replaceFile(path, "two", 0o600);
    for (const name of ["rules", "rules.old"]) {
      const { uid, gid, mode } = await stat(join(directory, name));
      expect([uid, gid, mode & 0o7777]).toEqual([1234, 4321, 0o640]);
    }
  });

  test("is made with the mode asked for where there was none, and then has no .old", async () => {
    await replaceFile(path, "one", 0o640);
    expect((await stat(path)).mode & 0o7777).toBe(0o640);
    expect(await readdir(directory)).toEqual(["rules"]);
  });

  test("stays a symbolic link where it was one, and its target is replaced", async () => {
    await writeFile(join(directory, "target"), "one");
    await symlink("target", path);
    await replaceFile(path, "two", 0o600);
    expect((await lstat(path)).isSymbolicLink()).toBe(true);
    expect(await text("target")).toBe("two");
    expect(await text("target.old")).toBe("one");
  });
});

test("a crash after any step leaves a whole file, and the next replacement works", async () => {
  const names = (await replaceSteps(path, "", 0o600)).length;
  expect(names).toBeGreaterThan(2);
  for (let crash = 0; ; crash += 1) {
    await rm(directory, { recursive: true });
    directory = await mkdtemp(join(tmpdir(), "desktopfw-replace-"));
    path = join(directory, "rules");
    await writeFile(path, "old");
    const steps = await replaceSteps(path, "new", 0o600);
    for (const step of steps.slice(0, crash)) await step.run();
    expect(await text("rules"), `after ${crash} steps`).toBe(crash < 3 ? "old" : "new");
    await replaceFile(path, "newer", 0o600);
    expect(await text("rules")).toBe("newer");
    expect(await text("rules.old")).toBe(crash < 3 ? "old" : "new");
    expect(await readdir(directory)).toEqual(["rules", "rules.old"]);
    if (crash === steps.length) break;
  }
});

test("a write that fails leaves the old file and nothing beside it", async () => {
  await writeFile(path, "old");
  const content = { toString: () => "not text" } as unknown as string;
  await expect(replaceFile(path, content, 0o600)).rejects.toThrow();
  expect(await readdir(directory)).toEqual(["rules"]);
  expect(await text("rules")).toBe("old");
});
