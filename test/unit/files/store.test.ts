import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { checkDirectory, configFile, rulesFile } from "../../../ts/files/index.js";
import { Config } from "../../../ts/model/config.js";

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "desktopfw-store-"));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

test("a missing rules file has no rules", async () => {
  expect((await rulesFile(directory).load()).rules).toEqual([]);
});

test("a missing config file has the defaults", async () => {
  expect((await configFile(directory).load()).values).toEqual(Config.parse({}));
});

test("what was saved is loaded, from the file whose path the errors name", async () => {
  const file = rulesFile(directory);
  await file.save({ lines: ["[rules]", "* * tcp 0/0 0 0/0 22 DROP *"], rules: [], places: [] });
  expect((await file.load()).rules).toHaveLength(1);
  await writeFile(file.path, "[rules]\nnonsense\n");
  await expect(file.load()).rejects.toThrow(`${directory}/rules:2: the rule has 1 of 9 fields; expected`);
});

test("bytes that are not UTF-8 are refused with their line", async () => {
  const bytes = Buffer.concat([Buffer.from("[rules]\n# "), Buffer.from([0xff]), Buffer.from("\n")]);
  await writeFile(join(directory, "rules"), bytes);
  await expect(rulesFile(directory).load()).rejects.toThrow("rules:2: the line is not UTF-8; expected text in UTF-8");
});

describe("a file that cannot be used is refused in one line", () => {
  test("where it is a directory", async () => {
    await mkdir(join(directory, "config"));
    await expect(configFile(directory).load()).rejects.toThrow(
      "config: cannot be read (EISDIR); expected a readable file",
    );
  });

  test("where its directory is missing", async () => {
    const missing = join(directory, "nowhere");
    const message = `the directory ${missing} is missing; make it with sudo mkdir -p ${missing}`;
    await expect(rulesFile(missing).load()).rejects.toThrow(message);
    await expect(checkDirectory(missing)).rejects.toThrow(message);
  });

  test("where its directory is a file", async () => {
    const file = join(directory, "file");
    await writeFile(file, "");
    await expect(checkDirectory(file)).rejects.toThrow(`${file} is no directory; name another --config-dir`);
  });

  test("where it cannot be written", async () => {
    const missing = join(directory, "nowhere");
    const { save } = rulesFile(missing);
    await expect(save({ lines: [], rules: [], places: [] })).rejects.toThrow("rules: cannot be written (ENOENT)");
  });
});
