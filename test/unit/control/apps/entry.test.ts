import { mkdtemp, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { firstEntry, freshEntry, judge, knownOf, shown } from "../../../../ts/control/apps/entry.js";
import { type Measurement, measure } from "../../../../ts/files/index.js";

let directory: string;
let path: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "desktopfw-entry-"));
  path = join(directory, "program");
  await writeFile(path, "one");
});
afterEach(() => rm(directory, { recursive: true }));

const unchanged = async (): Promise<void> => {};
const altered = (measured: Measurement, changes: Partial<Measurement>): Measurement => ({ ...measured, ...changes });

describe("a registered program", () => {
  test.each([
    ["the same content", {}, { mtime: false, size: false, checksum: false }, false],
    ["another time only", { mtime: 5 }, { mtime: true, size: false, checksum: false }, false],
    ["another size", { size: 9, checksum: 9, sha256: "b" }, { mtime: false, size: true, checksum: true }, true],
    ["another SHA-256 only", { sha256: "b" }, { mtime: false, size: false, checksum: true }, true],
  ])("with %s", async (_name, changes, differs, distrusted) => {
    const entry = await freshEntry(path, await measure(path));
    judge(entry, altered(await measure(path), changes), 7);
    expect(shown(entry)).toEqual({ path, changed: Object.values(differs).includes(true), ...differs });
    expect([entry.distrusted, entry.sinceRule]).toEqual([distrusted, distrusted ? 7 : 0]);
  });

  test("that is gone differs in everything", async () => {
    const entry = await freshEntry(path, await measure(path));
    judge(entry, undefined, 7);
    expect(shown(entry)).toMatchObject({ mtime: true, size: true, checksum: true });
    expect(entry.distrusted).toBe(true);
  });

  test("keeps the rules given for a changed content, until the content is another one again", async () => {
    const measured = await measure(path);
    const entry = await freshEntry(path, measured);
    const since = ["b", "b", "c", measured.sha256, "b"].map((sha256, index) => {
      judge(entry, altered(measured, { sha256 }), 10 + index);
      return entry.distrusted ? entry.sinceRule : undefined;
    });
    expect(since).toEqual([10, 10, 12, undefined, 14]);
  });
});

describe("at the start, without reading its file, a program", () => {
  const started = async (known: "known" | "unknown", change: () => Promise<void> = unchanged) => {
    const entry = await freshEntry(path, await measure(path));
    const state = known === "known" ? knownOf(entry) : undefined;
    await change();
    return firstEntry(entry.registered, state, 7);
  };
  const gone = (): Promise<void> => rm(path);
  const other = async (): Promise<void> => {
    await writeFile(path, "two");
    await utimes(path, 1000, 1000);
  };
  test.each([
    ["that is as it was is trusted", "known", unchanged, false],
    ["of an old installation is trusted as the original did", "unknown", unchanged, false],
    ["whose file was written since is not trusted", "known", other, true],
    ["of an old installation with another time is not trusted", "unknown", other, true],
    ["that is gone is not trusted", "unknown", gone, true],
  ] as const)("%s", async (_name, known, change, distrusted) => {
    expect((await started(known, change)).distrusted).toBe(distrusted);
  });

  test("whose registration was edited is not trusted for what was known of the old one", async () => {
    const entry = await freshEntry(path, await measure(path));
    const edited = { ...entry.registered, checksum: 1 };
    expect(await firstEntry(edited, knownOf(entry), 7)).toMatchObject({ sha256: undefined, identity: undefined });
  });

  test("that has changed keeps no identity, so that the next start reads it again", async () => {
    const entry = await freshEntry(path, await measure(path));
    judge(entry, altered(await measure(path), { sha256: "b" }), 7);
    expect(knownOf(entry)).toMatchObject({ sha256: entry.sha256, identity: "" });
  });
});
