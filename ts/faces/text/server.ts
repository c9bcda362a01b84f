import { createServer, isIPv6, type Server, type Socket } from "node:net";
import type { Log } from "../../control/index.js";
import { type Connection, serveConnection } from "./connection.js";
import type { Limits } from "./limits.js";
import { replyText } from "./reply.js";
import type { Session } from "./session.js";

/** The text protocol's address cannot be had; one line with cause and remedy. */
export class ListenError extends Error {
  override readonly name = "ListenError";
}

export type ServerOptions = {
  host: string;
  port: number;
  limits: Limits;
  log: Log;
  /** `from` is the client's address and port. */
  openSession(from: string, signal: AbortSignal): Session;
};

const TOO_MANY = "ERROR: Too many connections";
/** A flood of connections makes one line of log in this time. */
const TELL_EVERY_MS = 10_000;
const BUSY = "another program has it; stop that one, or name another with --text, or --text off";
const CAUSES: Readonly<Record<string, string>> = {
  EADDRINUSE: BUSY,
  EADDRNOTAVAIL: "this machine has no such address; name another with --text, or --text off",
  EACCES: "it may not be used; name another port with --text, or --text off",
};

/** Listens for clients of the text protocol. `close` ends every connection. Throws a ListenError. */
export async function listenText(options: ServerOptions): Promise<{ close(): Promise<void> }> {
  const { host, port, limits, log, openSession } = options;
  const connections = new Map<Socket, Connection>();
  const refused = createTally((count) =>
    log.warning(`text protocol: ${count} connections closed because too many are open`),
  );

  /** Makes room for one more client; false where there is none to be made. */
  const makeRoom = (): boolean => {
    const strangers = [...connections].filter(([, { authenticated }]) => !authenticated);
    if (connections.size < limits.connections && strangers.length < limits.strangers) return true;
    refused.add();
    const idle = strangers.filter(([, { checking }]) => !checking);
    const [oldest] = idle.sort(([, a], [, b]) => a.lastLine - b.lastLine);
    if (!oldest) return false;
    const [socket, connection] = oldest;
    connections.delete(socket);
    connection.drop(TOO_MANY);
    return true;
  };
  const server = createServer({ allowHalfOpen: true, noDelay: true, keepAlive: true }, (socket) => {
    if (!makeRoom()) {
      socket.on("error", () => {});
      socket.write(replyText([TOO_MANY]));
      socket.destroySoon();
      return;
    }
    const from = addressText(socket.remoteAddress ?? "gone", socket.remotePort ?? 0);
    connections.set(
      socket,
      serveConnection(socket, limits, (signal) => openSession(from, signal)),
    );
    socket.once("close", () => connections.delete(socket));
  });
  const sockets = new Set<Socket>();
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  });

  await listen(server, host, port);
  server.on("error", (error) => log.warning(`text protocol: a connection could not be taken (${error.message})`));
  return {
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

/** `127.0.0.1:32123`, `[::1]:32123`. */
export function addressText(host: string, port: number): string {
  return isIPv6(host) ? `[${host}]:${port}` : `${host}:${port}`;
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const failed = (error: NodeJS.ErrnoException) => {
      const cause = CAUSES[error.code ?? ""] ?? `${error.code}; name another with --text, or --text off`;
      reject(new ListenError(`the text protocol cannot listen on ${addressText(host, port)}: ${cause}`));
    };
    server.once("error", failed);
    server.listen({ host, port, backlog: 128 }, () => {
      server.off("error", failed);
      resolve();
    });
  });
}

/** Counts, and tells the count at once and then at most every few seconds. */
function createTally(tell: (count: number) => void): { add(): void } {
  let count = 0;
  let told = Number.NEGATIVE_INFINITY;
  return {
    add() {
      count += 1;
      if (performance.now() - told < TELL_EVERY_MS) return;
      told = performance.now();
      tell(count);
      count = 0;
    },
  };
}
