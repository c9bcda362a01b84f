import { spawn } from "node:child_process";
import { once } from "node:events";

export type Finished = { code: number | null; signal: NodeJS.Signals | null; stdout: string; stderr: string };
export type RunOptions = { input?: string; timeoutMs?: number; env?: NodeJS.ProcessEnv; cwd?: string };

/** A program that runs beside the test. */
export type Running = {
  readonly pid: number;
  stdout(): string;
  stderr(): string;
  /** Resolves with the match once either stream holds it; rejects when the program ends first. */
  waitFor(pattern: RegExp): Promise<RegExpExecArray>;
  write(text: string): void;
  endInput(): void;
  kill(signal?: NodeJS.Signals): void;
  readonly finished: Promise<Finished>;
};

/** How many times slower than usual this machine is: scripts/vm/init sets it for emulation. */
export const SLOWNESS = Number(process.env.FWTEST_SLOWNESS ?? 1);
const KILL_AFTER_MS = 60_000 * SLOWNESS;

/** Starts a program; nothing is thrown for its exit code. */
export function start(argv: readonly string[], options: RunOptions = {}): Running {
  const [file = "", ...args] = argv;
  const child = spawn(file, args, { stdio: "pipe", env: options.env ?? process.env, cwd: options.cwd });
  const text = { stdout: "", stderr: "" };
  const watchers = new Set<() => void>();
  for (const stream of ["stdout", "stderr"] as const) {
    child[stream].setEncoding("utf8").on("data", (chunk: string) => {
      text[stream] += chunk;
      for (const look of watchers) look();
    });
  }
  child.stdin.on("error", () => undefined);
  const finished = once(child, "close").then(([code, signal]): Finished => ({ code, signal, ...text }));
  return {
    pid: child.pid ?? -1,
    stdout: () => text.stdout,
    stderr: () => text.stderr,
    write: (chunk) => child.stdin.write(chunk),
    endInput: () => child.stdin.end(),
    kill: (signal = "SIGTERM") => child.kill(signal),
    finished,
    waitFor: (pattern) =>
      new Promise((resolve, reject) => {
        const look = () => {
          const match = pattern.exec(text.stdout) ?? pattern.exec(text.stderr);
          if (!match) return;
          watchers.delete(look);
          resolve(match);
        };
        watchers.add(look);
        finished.then(({ code, signal }) => {
          reject(
            new Error(`${argv.join(" ")} ended (${code ?? signal}) without ${pattern}: ${text.stdout}${text.stderr}`),
          );
        }, reject);
        look();
      }),
  };
}

/** Runs a program to its end. One that hangs is killed, which shows as a signal. */
export async function run(argv: readonly string[], options: RunOptions = {}): Promise<Finished> {
  const running = start(argv, options);
  running.write(options.input ?? "");
  running.endInput();
  const timer = setTimeout(() => running.kill("SIGKILL"), options.timeoutMs ?? KILL_AFTER_MS);
  try {
    return await running.finished;
  } finally {
    clearTimeout(timer);
  }
}

/** As `run`, but a failure is an error that shows what the program said. */
export async function must(argv: readonly string[], options: RunOptions = {}): Promise<string> {
  const { code, signal, stdout, stderr } = await run(argv, options);
  if (code !== 0) throw new Error(`${argv.join(" ")} failed (${code ?? signal}): ${stderr || stdout}`);
  return stdout;
}
