import { safeLine } from "./text/sanitize.js";

/** Something that a command could not do; the message is one line with cause and remedy. */
export class Failure extends Error {
  override readonly name = "Failure";
  constructor(
    message: string,
    /** 1: refused or failed; 2: wrong usage. */
    readonly exitCode: 1 | 2 = 1,
  ) {
    super(message);
  }
}

/** How many errors deep the cause of a failed request may hide. */
const DEEPEST = 8;

/** Turns whatever a request ended with into a Failure whose one line says what to do. */
export function failureOf(error: unknown, socket: string): Failure {
  if (error instanceof Failure) return error;
  const code = systemCode(error);
  if (code !== undefined) return new Failure(connectionText(code, socket));
  const message = error instanceof Error ? error.message : String(error);
  return new Failure(safeLine(message) || "the request failed; look at the log of fwdaemon");
}

function connectionText(code: string, socket: string): string {
  const path = safeLine(socket);
  switch (code) {
    case "ENOENT":
    case "ENOTDIR":
      return `fwdaemon is not running (no socket ${path}); start it, or name its socket with --socket`;
    case "ECONNREFUSED":
      return `fwdaemon is not running (nobody listens on the stale socket ${path}); start it again`;
    case "EACCES":
    case "EPERM":
      return `no permission to use ${path}; run as root or join the group desktopfw`;
    case "ECONNRESET":
    case "EPIPE":
    case "UND_ERR_SOCKET":
      return `fwdaemon closed the connection on ${path}; look whether it still runs, and at its log`;
    default:
      return `fwdaemon cannot be reached on ${path} (${safeLine(code)}); look whether it runs, and at its log`;
  }
}

/** The code of the system's or undici's error at the root; undefined when the daemon itself answered. */
function systemCode(error: unknown): string | undefined {
  let at: unknown = error;
  for (let depth = 0; depth < DEEPEST && typeof at === "object" && at !== null; depth += 1) {
    if ("shape" in at && at.shape) return undefined;
    if ("code" in at && typeof at.code === "string" && /^(E[A-Z]|UND_ERR_)/.test(at.code)) return at.code;
    at = "cause" in at ? at.cause : undefined;
  }
  return undefined;
}
