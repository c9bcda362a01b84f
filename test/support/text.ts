import { mkdtemp, rm } from "node:fs/promises";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { onTestFinished } from "vitest";
import type { Host } from "./netns.js";

export const TEXT_PORT = 32123;
export const GREETING = "This is FWDAEMON, hello!\n\n";

/** The name and password of the transcript. */
export const ACCOUNT = { username: "fwadmin", password: "fwpass" };
export const AUTH = `AUTH ${ACCOUNT.username} ${ACCOUNT.password}`;

/** A client of the text protocol that keeps what it was sent until it is asked for. */
export type TextClient = {
  readonly socket: Socket;
  write(data: string | Uint8Array): void;
  /** The next reply, up to and with its empty line. Rejects when the connection ends before that. */
  reply(): Promise<string>;
  /** Sends a line and gives its reply. */
  ask(line: string): Promise<string>;
  /** All that still comes until the server ends the connection. */
  rest(): Promise<string>;
  /** Goes away without a word: the server's end is reset. */
  lose(): void;
};

/** A text port inside a namespace, as the test reaches it. */
export type TextPort = {
  /** A connection whose greeting has not been read yet. It ends with the test. */
  connect(): TextClient;
  /** A connection that has authenticated. */
  authenticated(auth?: string): Promise<TextClient>;
  /** All of its clients go away. */
  loseAll(): void;
};

/** Makes a port inside a host reachable from the test, for as long as the host lives. */
export async function textPort(host: Host, port = TEXT_PORT, address = "127.0.0.1"): Promise<TextPort> {
  const directory = await mkdtemp(join(tmpdir(), "fwtest-text-"));
  const path = join(directory, "relay.sock");
  const relay = host.start([process.execPath, resolve("test/support/programs/relay.mjs"), path, address, String(port)]);
  relay.finished.finally(() => rm(directory, { recursive: true, force: true })).catch(() => undefined);
  await relay.waitFor(/^relaying$/m);
  const clients = new Set<TextClient>();
  const open = () => {
    const client = textClient(connect({ path, allowHalfOpen: true }));
    clients.add(client);
    client.socket.once("close", () => clients.delete(client));
    onTestFinished(() => client.lose());
    return client;
  };
  return {
    connect: open,
    async authenticated(auth = AUTH) {
      const client = open();
      await client.reply();
      const answer = await client.ask(auth);
      if (answer !== "AUTH OK\n\n") throw new Error(`AUTH was answered ${JSON.stringify(answer)}`);
      return client;
    },
    loseAll: () => {
      for (const client of clients) client.lose();
    },
  };
}

/** The text client of a connection. */
export function textClient(socket: Socket): TextClient {
  let received = "";
  let ended = false;
  const watchers = new Set<() => void>();
  const wake = () => {
    for (const look of watchers) look();
  };
  socket.setEncoding("utf8");
  socket.on("data", (chunk: string) => {
    received += chunk;
    wake();
  });
  socket.on("error", () => undefined);
  for (const event of ["end", "close"]) {
    socket.on(event, () => {
      ended = true;
      wake();
    });
  }
  const until = (done: () => boolean) =>
    new Promise<string>((resolve, reject) => {
      const look = () => {
        const enough = done();
        if (!enough && !ended) return;
        watchers.delete(look);
        const text = received;
        received = "";
        if (enough) resolve(text);
        else reject(new Error(`the connection ended after ${JSON.stringify(text)}`));
      };
      watchers.add(look);
      look();
    });
  const reply = () => until(() => received === "\n" || received.endsWith("\n\n"));
  return {
    socket,
    write: (data) => socket.write(data),
    reply,
    ask(line) {
      socket.write(`${line}\r\n`);
      return reply();
    },
    rest: () => until(() => ended),
    lose: () => socket.destroy(),
  };
}
