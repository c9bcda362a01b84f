import { execFile } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { join } from "node:path";
import { explainToolFailure, InterceptionError } from "./errors.js";

/** Only these: a caller's PATH must not choose which program runs as root. */
const DIRECTORIES = ["/usr/sbin", "/sbin", "/usr/bin", "/bin"];
const TIMEOUT_MS = 20_000;
const MAX_OUTPUT_BYTES = 64 * 1024 * 1024;

export type Tool = "nft" | "iptables-restore" | "iptables-save" | "ip6tables-restore" | "ip6tables-save";
export type Outcome = { ok: boolean; stdout: string; stderr: string };

/** Runs the packet filter's tools; the tests of failures put another in its place. */
export interface Commands {
  has(tool: Tool): boolean;
  /** Runs the tool to its end; `input` goes to its standard input. A non-zero exit is an outcome, not an error. */
  run(tool: Tool, args: readonly string[], input?: string): Promise<Outcome>;
}

export const systemCommands: Commands = {
  has: (tool) => find(tool) !== undefined,
  run,
};

/** As `run`, but a non-zero exit is an InterceptionError; returns standard output. */
export async function must(commands: Commands, tool: Tool, args: readonly string[], input?: string): Promise<string> {
  const outcome = await commands.run(tool, args, input);
  if (!outcome.ok) throw explainToolFailure(tool, outcome.stderr);
  return outcome.stdout;
}

function find(tool: Tool): string | undefined {
  return DIRECTORIES.map((directory) => join(directory, tool)).find((path) => {
    try {
      accessSync(path, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

function run(tool: Tool, args: readonly string[], input = ""): Promise<Outcome> {
  const path = find(tool);
  if (path === undefined) {
    const found = new InterceptionError(`${tool} is not installed`, `run \`apt install ${packageOf(tool)}\``);
    return Promise.reject(found);
  }
  const options = {
    env: { PATH: DIRECTORIES.join(":"), LC_ALL: "C" },
    timeout: TIMEOUT_MS,
    killSignal: "SIGKILL" as const,
    maxBuffer: MAX_OUTPUT_BYTES,
  };
  return new Promise((resolve, reject) => {
    const child = execFile(path, args, options, (error, stdout, stderr) => {
      if (error?.killed) {
        reject(new InterceptionError(`${tool} did not end within ${TIMEOUT_MS / 1000} s`, "see what holds it up"));
      } else {
        resolve({ ok: error === null, stdout, stderr: stderr || (error?.message ?? "") });
      }
    });
    // A tool that ends before it has read everything says why by its exit.
    child.stdin?.on("error", () => undefined);
    child.stdin?.end(input);
  });
}

function packageOf(tool: Tool): string {
  return tool === "nft" ? "nftables" : "iptables";
}
