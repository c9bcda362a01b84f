import { Readable } from "node:stream";
import type { Io } from "../../ts/cli/io.js";
import { run } from "../../ts/cli/run.js";
import { plain } from "../../ts/cli/text/style.js";

export interface Outcome {
  code: number;
  out: string;
  err: string;
}

/** An Io that is no terminal and keeps what is written to it. */
export function recordingIo(input = ""): Io & { written: { out: string; err: string } } {
  const written = { out: "", err: "" };
  return {
    written,
    out: (text) => {
      written.out += text;
    },
    err: (text) => {
      written.err += text;
    },
    isTerminal: false,
    columns: () => 80,
    paint: plain,
    input: Readable.from([input]) as NodeJS.ReadStream,
    keyboard: undefined,
    now: Date.now,
  };
}

/** Runs a command line of fwctl in this process. */
export async function runCli(words: string[], input?: string): Promise<Outcome> {
  const io = recordingIo(input);
  const code = await run(words, io, "0.0.0");
  return { code, ...io.written };
}
