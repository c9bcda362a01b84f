import { Agent, fetch as undiciFetch } from "undici";

/** Fewer than the daemon grants to one user; more calls at once wait for each other. */
const CONNECTIONS = 64;

/** No answer from a daemon; one line with cause and remedy. */
export class ConnectionError extends Error {
  override readonly name = "ConnectionError";
}

/** What reaches the daemon's unix socket; `fetch` takes what each caller's own fetch type says. */
export type Connection = {
  fetch(input: unknown, init?: unknown): Promise<Response>;
  /** The same for an EventSource, which would put every cause behind the message. */
  fetchEvents(input: unknown, init?: unknown): Promise<Response>;
  close(): Promise<void>;
};

export function openConnection(socket: string): Connection {
  // A subscription is silent for as long as nothing happens; the daemon's pings tell whether it lives.
  const agent = new Agent({
    connect: { socketPath: socket },
    connections: CONNECTIONS,
    bodyTimeout: 0,
    headersTimeout: 0,
  });
  const fetch: Connection["fetch"] = async (input, init) => {
    try {
      const response = await undiciFetch(input as string, { ...(init as object), dispatcher: agent });
      // The package's Response is the one that Node's own types describe.
      return response as unknown as Response;
    } catch (error) {
      throw connectionError(socket, error);
    }
  };
  return {
    fetch,
    fetchEvents: (input, init) =>
      fetch(input, init).catch((error: unknown) => {
        throw error instanceof ConnectionError ? new ConnectionError(error.message) : error;
      }),
    close: () => agent.destroy(),
  };
}

function connectionError(socket: string, error: unknown): unknown {
  const code = ((error as Error).cause as NodeJS.ErrnoException | undefined)?.code;
  switch (code) {
    case "ENOENT":
    case "ECONNREFUSED":
      return new ConnectionError(`no fwdaemon answers on ${socket}; start it: sudo fwdaemon`, { cause: error });
    case "EACCES":
    case "EPERM":
      return new ConnectionError(`${socket} may not be opened by this user; use sudo, or join the group desktopfw`, {
        cause: error,
      });
    case "UND_ERR_SOCKET":
    case "ECONNRESET":
    case "EPIPE":
      return new ConnectionError(`fwdaemon on ${socket} ended the connection; see its log, or try again`, {
        cause: error,
      });
    default:
      return error;
  }
}
