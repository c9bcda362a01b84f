import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { run } from "../../support/process.js";

const STEPS = resolve("scripts/lib/steps.sh");

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "fwtest-steps-"));
  await Promise.all([write("input", "one"), write("count", "")]);
});
afterEach(() => rm(directory, { recursive: true, force: true }));

const write = (name: string, text: string) => writeFile(join(directory, name), text);

/** A step that makes `output` of `input`; how often it ran is the length of `count`. */
async function cachedStep(salt = "1", command = "cp input output; printf x >>count"): Promise<string> {
  const script = `source ${STEPS}; cached_step copying stamp '${salt}' input output bash -c '${command}'`;
  return (await run(["bash", "-c", script], { cwd: directory })).stdout;
}

const timesRun = async () => (await readFile(join(directory, "count"), "utf8")).length;

describe("a step of the scripts is skipped", () => {
  test("when nothing has changed", async () => {
    expect(await cachedStep()).toMatch(/^copying \.\.\. done \(\d+\.\d s\)\n$/);
    expect(await cachedStep()).toBe("copying ... unchanged\n");
    expect(await timesRun()).toBe(1);
  });

  test.each([
    { what: "its input has changed", change: () => write("input", "two") },
    { what: "what it made has changed", change: () => write("output", "mine") },
    { what: "what it made is gone", change: () => rm(join(directory, "output")) },
    { what: "the stamp is gone", change: () => rm(join(directory, "stamp")) },
    { what: "a tool has another version", change: async () => {}, salt: "2" },
  ])("never when $what", async ({ change, salt }) => {
    await cachedStep();
    await change();
    expect(await cachedStep(salt)).toContain("done");
    expect(await timesRun()).toBe(2);
  });

  test("never after a failure", async () => {
    expect(await cachedStep("1", "printf x >>count; false")).toContain("FAILED");
    expect(await cachedStep()).toContain("done");
    expect(await timesRun()).toBe(2);
  });
});
