import type { ReadStream } from "node:tty";
import { type Paint, paintFor } from "./text/style.js";

/** The outside of a command: where it writes, reads keys and takes the time from. */
export interface Io {
  out(text: string): void;
  err(text: string): void;
  /** Standard output is a terminal. */
  isTerminal: boolean;
  /** Columns that a line may take: the terminal's, else 80. */
  columns(): number;
  paint: Paint;
  input: NodeJS.ReadStream;
  /** Standard input when it is a terminal. */
  keyboard: ReadStream | undefined;
  /** Milliseconds since the epoch. */
  now(): number;
}

const COLUMNS = 80;

export function processIo(): Io {
  const { stdin, stdout, stderr, env } = process;
  return {
    out: (text) => void stdout.write(text),
    err: (text) => void stderr.write(text),
    isTerminal: stdout.isTTY === true,
    columns: () => (stdout.isTTY && stdout.columns > 0 ? stdout.columns : COLUMNS),
    paint: paintFor(stdout.isTTY === true, env),
    input: stdin,
    keyboard: stdin.isTTY ? stdin : undefined,
    now: Date.now,
  };
}
