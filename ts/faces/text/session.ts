import { setTimeout as wait } from "node:timers/promises";
import { type Log, RefusedError } from "../../control/index.js";
import { FileError, UnwritableError } from "../../files/index.js";
import { runCommand } from "./commands/index.js";
import type { TextControl } from "./control.js";
import type { Limits } from "./limits.js";
import { clean, type Lines, replyText } from "./reply.js";

export type Reply = { text: string; end: boolean };

/** What one client may do, and what it is answered. */
export type Session = {
  /** Answers one line; never rejects. */
  answer(line: string): Promise<Reply>;
  /** Answers a line that is no text. */
  answerNoText(): Reply;
  readonly authenticated: boolean;
  /** Its password is being checked. */
  readonly checking: boolean;
};

export type SessionOptions = {
  control: TextControl;
  /** Aborts when the client has left or was told to go. */
  signal: AbortSignal;
  limits: Pick<Limits, "refusals" | "wrongMs">;
  /** The client's address, for the log. */
  from: string;
  log: Log;
};

const NOT_AUTHENTICATED = "ERROR: Not authenticated";

/** From its AUTH until its end the client counts as attached. */
export function createSession({ control, signal, limits, from, log }: SessionOptions): Session {
  let authenticated = false;
  let checking = false;
  let refusals = 0;
  let wrong = 0;

  const refuse = (line: string): Reply => {
    refusals += 1;
    if (authenticated || refusals < limits.refusals) return reply([line]);
    return { text: replyText([line, "ERROR: Too many commands without AUTH"]), end: true };
  };
  const attach = () => {
    authenticated = true;
    signal.addEventListener("abort", control.queries.attach(), { once: true });
    log.info(`text client ${from} authenticated`);
  };
  const authenticate = async (words: readonly string[]): Promise<Reply> => {
    const [, username, ...rest] = words;
    if (username === undefined || rest.length === 0) return reply(["usage: AUTH username password"]);
    checking = true;
    // A password may hold blanks; it is all that follows.
    const right = await control.authenticate(username, rest.join(" "), signal).finally(() => {
      checking = false;
    });
    if (signal.aborted) return reply([]);
    if (!right) {
      wrong += 1;
      log.warning(`text client ${from}: wrong name or password, ${wrong} so far`);
      const [first, most] = limits.wrongMs;
      await wait(Math.min(most, first * 2 ** (wrong - 1)), undefined, { signal }).catch(() => undefined);
      return reply(["AUTH ERROR"]);
    }
    wrong = 0;
    if (!authenticated) attach();
    return reply(["AUTH OK"]);
  };

  return {
    async answer(line) {
      const words = line.split(" ");
      const [command] = words;
      if (command === "CLOSE" || command === "EXIT") return { text: replyText([]), end: true };
      try {
        if (command === "AUTH") return await authenticate(words);
        if (!authenticated) return refuse(NOT_AUTHENTICATED);
        // The one reply that no empty line follows.
        if (line === "") return { text: "Empty command (try LIST)\n", end: false };
        return reply(await runCommand(control, words));
      } catch (error) {
        return reply([`ERROR: ${failure(error, command ?? "", log)}`]);
      }
    },
    answerNoText: () => refuse("ERROR: Line is not text"),
    get authenticated() {
      return authenticated;
    },
    get checking() {
      return checking;
    },
  };
}

function reply(lines: Lines): Reply {
  return { text: replyText(lines), end: false };
}

/** The one line of an error that the use cases mean; what is unexpected goes to the log. */
function failure(error: unknown, command: string, log: Log): string {
  const meant = [RefusedError, FileError, UnwritableError].some((type) => error instanceof type);
  if (error instanceof Error && (meant || (error as NodeJS.ErrnoException).code === "Stopped")) {
    return clean(error.message.split("\n", 1).join(""));
  }
  log.error(`text command ${command} failed: ${error instanceof Error ? error.message : String(error)}`);
  return "internal error; the log of fwdaemon says more";
}
