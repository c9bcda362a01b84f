import type { Log } from "../../control/index.js";
import type { TextControl } from "./control.js";
import { LIMITS } from "./limits.js";
import { addressText, listenText } from "./server.js";
import { createSession } from "./session.js";

export type { AppState, Apps, TextControl } from "./control.js";
export { ListenError } from "./server.js";

export type TextOptions = { control: TextControl; host: string; port: number; log: Log };

/** Serves the original's text protocol. `close` ends every connection. Throws a ListenError. */
export async function serveText({ control, host, port, log }: TextOptions): Promise<{ close(): Promise<void> }> {
  const server = await listenText({
    host,
    port,
    limits: LIMITS,
    log,
    openSession: (from, signal) => createSession({ control, signal, limits: LIMITS, from, log }),
  });
  if (!isLoopback(host)) {
    log.warning(
      `text protocol on ${addressText(host, port)}: other machines may reach it, and passwords cross the network readable`,
    );
  }
  return server;
}

function isLoopback(host: string): boolean {
  return host.startsWith("127.") || host === "::1";
}
