import type { Command } from "commander";
import { type Client, connect } from "../client/index.js";
import { failureOf } from "./failure.js";
import type { Io } from "./io.js";
import { safeJson } from "./text/sanitize.js";

/** What a command works with while it runs. */
export interface Session {
  api: Client;
  io: Io;
  socket: string;
  json: boolean;
  /** The value as one JSON document with --json, else the lines. */
  print(value: unknown, lines: () => string[]): void;
}

/** Options that every command takes. */
export interface GlobalOptions {
  socket: string;
  json: boolean;
}

/**
 * Makes a commander action of a function that talks to the daemon: it opens the client, closes it on every way out, and
 * turns what goes wrong into a Failure.
 */
export function withDaemon<Arguments extends unknown[]>(
  io: Io,
  run: (session: Session, ...values: Arguments) => Promise<void>,
) {
  return async function (this: Command, ...values: Arguments): Promise<void> {
    const { socket, json = false } = this.optsWithGlobals<GlobalOptions>();
    const client = connect({ socket });
    const print: Session["print"] = (value, lines) =>
      io.out(
        json
          ? `${safeJson(value, 2)}\n`
          : lines()
              .map((line) => `${line}\n`)
              .join(""),
      );
    try {
      await run({ api: client, io, socket, json, print }, ...values);
    } catch (error) {
      throw failureOf(error, socket);
    } finally {
      await client.close();
    }
  };
}
