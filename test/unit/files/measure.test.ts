import { createHash } from "node:crypto";
import { mkdir, mkdtemp, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { appState } from "../../../ts/files/app-state.js";
import { checksum } from "../../../ts/files/apps.js";
import { lookAt, measure } from "../../../ts/files/measure.js";
import { must } from "../../support/process.js";

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "desktopfw-measure-"));
});
afterEach(() => rm(directory, { recursive: true }));

test.each([0, 1, 256 * 1024, 700_001])("a file of %i bytes is read whole", async (size) => {
  const path = join(directory, "file");
  const bytes = Buffer.from(Array.from({ length: size }, (_, index) => (index * 7919) % 251));
  await writeFile(path, bytes);
  await utimes(path, 1234, 1234.9);
  const hash = (name: string) => createHash(name).update(bytes).digest("hex");
  expect(await measure(path)).toMatchObject({
    size,
    mtime: 1234,
    checksum: checksum(bytes),
    sha256: hash("sha256"),
    md5: hash("md5"),
    identity: (await lookAt(path))?.identity,
  });
});

test("a file whose time was set back is seen as another one without being read", async () => {
  const path = join(directory, "file");
  await writeFile(path, "one");
  await utimes(path, 1000, 1000);
  const before = await lookAt(path);
  await writeFile(path, "two");
  await utimes(path, 1000, 1000);
  const after = await lookAt(path);
  expect(after).toMatchObject({ mtime: before?.mtime, size: before?.size });
  expect(after?.identity).not.toBe(before?.identity);
});

test("what is no regular file is not waited for", async () => {
  const [pipe, folder] = [join(directory, "pipe"), join(directory, "folder")];
  await must(["mkfifo", pipe]);
  await mkdir(folder);
  for (const path of [pipe, folder, join(directory, "none")]) {
    expect(await lookAt(path)).toBeUndefined();
    await expect(measure(path)).rejects.toThrow();
  }
});

test("what is known of programs is kept in the state directory, which is made when it is needed", async () => {
  const state = appState(join(directory, "state"));
  expect(await state.load()).toEqual(new Map());
  const known = new Map([["/bin/x", { mtime: 1, size: 2, checksum: 3, sha256: "0".repeat(64), identity: "1:2" }]]);
  await state.save(known);
  expect(await state.load()).toEqual(known);
  await writeFile(state.path, '{"version":2}');
  await expect(state.load()).rejects.toThrow("apps.json: does not say what fwdaemon writes there; expected");
});
