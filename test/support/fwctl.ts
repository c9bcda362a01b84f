import { expect } from "vitest";
import type { z } from "zod";
import type { Daemon } from "./daemon.js";

/** What a command prints that must succeed. */
export async function done(daemon: Daemon, ...words: string[]): Promise<string> {
  const { code, stdout, stderr } = await daemon.fwctl(words);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  return stdout;
}

/** The one line of a command that must be refused. */
export async function refused(daemon: Daemon, ...words: string[]): Promise<string> {
  const { code, stdout, stderr } = await daemon.fwctl(words);
  expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
  expect(stderr).toMatch(/^fwctl: [^\n]+\n$/);
  return stderr;
}

/** What a command prints with --json: it must have all that the schema says, and nothing else. */
export async function json<T>(daemon: Daemon, schema: z.ZodType<T>, ...words: string[]): Promise<T> {
  const printed: unknown = JSON.parse(await done(daemon, "--json", ...words));
  const parsed = schema.parse(printed);
  expect(parsed).toEqual(printed);
  return parsed;
}
