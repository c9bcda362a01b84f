import { once } from "node:events";
import type { Socket } from "node:net";
import { setImmediate as turn } from "node:timers/promises";
import type { Limits } from "./limits.js";
import { createLineReader, type Input } from "./lines.js";
import { replyText } from "./reply.js";
import type { Reply, Session } from "./session.js";

export type Connection = {
  readonly authenticated: boolean;
  /** It may not be closed to make room: its password is being checked. */
  readonly checking: boolean;
  /** When it last sent a whole line, by the monotonic clock. */
  readonly lastLine: number;
  /** Says why, and closes at once. */
  drop(line: string): void;
};

const GREETING = "This is FWDAEMON, hello!\n\n";
/** A long reply goes out in pieces of so many characters, each when the client has taken the one before. */
const PIECE = 64 * 1024;

/**
 * Serves one client, one line after another; its next lines are not read before. `openSession` gets a signal that aborts when
 * the client has left or was told to go. What is half a line when it ends is not carried out.
 */
export function serveConnection(
  socket: Socket,
  limits: Limits,
  openSession: (signal: AbortSignal) => Session,
): Connection {
  const left = new AbortController();
  const gone = new AbortController();
  const session = openSession(left.signal);
  const reader = createLineReader(limits.line);
  let lastLine = performance.now();
  let ended = false;

  const end = (text: string, lingerMs: number) => {
    if (ended) return;
    ended = true;
    clearTimeout(idle);
    // At once: the other side may keep its end open for as long as we linger.
    left.abort();
    socket.end(text);
    const linger = setTimeout(() => socket.destroy(), lingerMs);
    gone.signal.addEventListener("abort", () => clearTimeout(linger), { once: true });
  };
  const tooIdle = () => end(replyText(["ERROR: Nothing was sent for too long"]), limits.lingerMs);
  let idle = setTimeout(tooIdle, limits.strangerIdleMs);
  const heard = () => {
    lastLine = performance.now();
    clearTimeout(idle);
    if (!ended) idle = setTimeout(tooIdle, session.authenticated ? limits.idleMs : limits.strangerIdleMs);
  };

  /** Waits until the client takes what it is sent; one that does not is closed. */
  const send = async (data: string | Buffer) => {
    for (let at = 0; at < data.length && !ended; at += PIECE) {
      const piece = typeof data === "string" ? data.slice(at, at + PIECE) : data.subarray(at, at + PIECE);
      if (socket.write(piece)) continue;
      const stall = setTimeout(() => socket.destroy(), limits.stallMs);
      await once(socket, "drain", { signal: gone.signal }).catch(() => undefined);
      clearTimeout(stall);
    }
  };
  const answer = async (reply: Reply) => {
    heard();
    if (reply.end) end(reply.text, limits.lingerMs);
    else await send(reply.text);
  };
  const take = async (input: Input) => {
    switch (input.kind) {
      case "line":
        heard();
        return answer(await session.answer(input.text));
      case "not-text":
        return answer(session.answerNoText());
      case "too-long":
        return end(replyText([`ERROR: Line too long, max length = ${limits.line}`]), limits.lingerMs);
      case "telnet":
        return send(input.answer);
    }
  };
  const serve = async () => {
    await send(GREETING);
    // What comes after the end is read and thrown away, so that the client gets its last reply and no reset.
    for await (const chunk of socket.iterator({ destroyOnReturn: false })) {
      for (const input of reader.read(chunk as Buffer)) {
        if (ended) break;
        await take(input);
        // Every client gets its turn, however much one has sent.
        await turn();
      }
    }
    end("", limits.lingerMs);
  };

  // A lost connection; `close` follows.
  socket.on("error", () => {});
  socket.once("close", () => {
    // What a lost client has sent and was not carried out yet, never is.
    ended = true;
    clearTimeout(idle);
    left.abort();
    gone.abort();
  });
  serve().catch(() => socket.destroy());

  return {
    get authenticated() {
      return session.authenticated;
    },
    get checking() {
      return session.checking;
    },
    get lastLine() {
      return lastLine;
    },
    drop: (line) => {
      end(replyText([line]), limits.lingerMs);
      socket.destroySoon();
    },
  };
}
