import { CommanderError } from "commander";
import { Failure } from "./failure.js";
import type { Io } from "./io.js";
import { createProgram } from "./program.js";
import { safeLine } from "./text/sanitize.js";
import { usageText } from "./usage.js";

/** Runs one command line (without the program's name) and gives the exit code: 0 done, 1 refused or failed, 2 wrong usage. */
export async function run(words: string[], io: Io, version: string): Promise<0 | 1 | 2> {
  const program = createProgram(io, version);
  try {
    await program.parseAsync(words, { from: "user" });
    return 0;
  } catch (error) {
    if (error instanceof CommanderError) {
      if (error.exitCode === 0) return 0;
      // Without a command commander has printed the help already.
      if (error.code !== "commander.help") io.err(`fwctl: ${usageText(error, program, words)}\n`);
      return 2;
    }
    if (!(error instanceof Failure)) throw error;
    io.err(`fwctl: ${safeLine(error.message)}\n`);
    return error.exitCode;
  }
}
