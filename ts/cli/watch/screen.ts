import type { ReadStream } from "node:tty";

/** Lines that scroll up, and below them one prompt that is drawn again in its place. */
export interface Screen {
  print(lines: string[]): void;
  prompt(text: string): void;
  /** Takes the prompt away. */
  end(): void;
}

const ERASE_LINE = "\r\u001b[2K";

export function promptScreen(out: (text: string) => void): Screen {
  let drawn = "";
  return {
    print(lines) {
      if (lines.length > 0) out(`${ERASE_LINE}${lines.map((line) => `${line}\r\n`).join("")}${drawn}`);
    },
    prompt(text) {
      if (text === drawn) return;
      drawn = text;
      out(ERASE_LINE + text);
    },
    end() {
      drawn = "";
      out(ERASE_LINE);
    },
  };
}

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/**
 * Runs with the keyboard in raw mode, so that one key is enough. The mode that was is restored on every way out: return,
 * error, signal (which then ends the process as it would have), process.exit.
 */
export async function withRawKeyboard(
  keyboard: ReadStream,
  onKeys: (chunk: string) => void,
  onClosed: () => void,
  run: () => Promise<void>,
): Promise<void> {
  const restore = () => keyboard.isRaw && keyboard.setRawMode(false);
  const onSignal = (signal: NodeJS.Signals) => {
    restore();
    for (const name of SIGNALS) process.off(name, onSignal);
    process.kill(process.pid, signal);
  };
  process.on("exit", restore);
  for (const signal of SIGNALS) process.on(signal, onSignal);
  keyboard.setEncoding("utf8").on("data", onKeys).on("end", onClosed).on("error", onClosed);
  try {
    keyboard.setRawMode(true);
    keyboard.resume();
    await run();
  } finally {
    restore();
    keyboard.pause();
    keyboard.off("data", onKeys).off("end", onClosed).off("error", onClosed);
    process.off("exit", restore);
    for (const signal of SIGNALS) process.off(signal, onSignal);
  }
}
