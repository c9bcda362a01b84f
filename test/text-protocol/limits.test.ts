import { once } from "node:events";
import { type AddressInfo, connect, createServer } from "node:net";
import { describe, expect, onTestFinished, test } from "vitest";
import { LIMITS, type Limits } from "../../ts/faces/text/limits.js";
import { replyText } from "../../ts/faces/text/reply.js";
import { listenText } from "../../ts/faces/text/server.js";
import type { Session } from "../../ts/faces/text/session.js";
import { GREETING, type TextClient, textClient } from "../support/text.js";

/** Longer than any wait of these tests: a limit that is not the one tested does not strike. */
const NEVER = 60_000;
const QUIET: Limits = { ...LIMITS, strangerIdleMs: NEVER, idleMs: NEVER, stallMs: NEVER, lingerMs: 500 };
const IDLE = "ERROR: Nothing was sent for too long\n\n";
const TOO_MANY = "ERROR: Too many connections\n\n";
const LONG = 2 * 1024 * 1024;
/** More than the kernel's buffers of both ends hold. */
const HUGE = 16 * LONG;
const REPLIES: Readonly<Record<string, string>> = { long: "x".repeat(LONG), huge: "x".repeat(HUGE) };

/** `me` authenticates, `check` begins a check that never ends, and says so; REPLIES; the rest comes back as it is. */
function echo(checks: () => void): Session {
  const state = { authenticated: false, checking: false };
  return {
    async answer(line) {
      if (line === "me") state.authenticated = true;
      if (line === "check") {
        state.checking = true;
        checks();
        await new Promise(() => {});
      }
      return { text: replyText([REPLIES[line] ?? line]), end: line === "CLOSE" };
    },
    answerNoText: () => ({ text: replyText(["no text"]), end: false }),
    get authenticated() {
      return state.authenticated;
    },
    get checking() {
      return state.checking;
    },
  };
}

type Server = {
  client(): TextClient;
  logged: string[];
  gone: Promise<void>;
  checking: Promise<void>;
  port: number;
  answered(): number;
};

async function serve(limits: Partial<Limits> = {}, named?: number): Promise<Server> {
  const logged: string[] = [];
  const say = (message: string) => void logged.push(message);
  let left = () => {};
  const gone = new Promise<void>((resolve) => {
    left = resolve;
  });
  let checks = () => {};
  const checking = new Promise<void>((resolve) => {
    checks = resolve;
  });
  let lines = 0;
  const port = named ?? (await freePort());
  const server = await listenText({
    host: "127.0.0.1",
    port,
    limits: { ...QUIET, ...limits },
    log: { error: say, warning: say, info: say, debug: say },
    openSession: (_from, signal) => {
      signal.addEventListener("abort", () => left());
      const session = echo(() => checks());
      const { answer } = session;
      return Object.assign(session, {
        answer: (line: string) => {
          lines += 1;
          return answer(line);
        },
      });
    },
  });
  onTestFinished(() => server.close());
  return {
    client: () => textClient(connect({ host: "127.0.0.1", port, allowHalfOpen: true })),
    logged,
    gone,
    checking,
    port,
    answered: () => lines,
  };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

describe("a connection is closed with a clear error", () => {
  test("when a line has no end", async () => {
    const client = (await serve()).client();
    client.write("x".repeat(100_000));
    expect(await client.rest()).toBe(`${GREETING}ERROR: Line too long, max length = 4096\n\n`);
  });

  test("when nothing comes without AUTH, however many bytes drip in", async () => {
    const client = (await serve({ strangerIdleMs: 300 })).client();
    const drip = setInterval(() => client.write("x"), 50);
    expect(await client.rest()).toBe(`${GREETING}${IDLE}`);
    clearInterval(drip);
  });

  test("when nothing comes with AUTH, but later", async () => {
    const { client } = await serve({ strangerIdleMs: 200, idleMs: 1000 });
    const [member, stranger] = [client(), client()];
    await member.reply();
    await member.ask("me");
    expect(await stranger.rest()).toBe(`${GREETING}${IDLE}`);
    expect(await member.ask("here")).toBe("here\n\n");
    expect(await member.rest()).toBe(IDLE);
  });
});

describe("room for clients", () => {
  test("is made by closing the one without AUTH that was silent for longest", async () => {
    const { client, logged } = await serve({ strangers: 2 });
    const [member, silent, busy] = [client(), client(), client()];
    for (const each of [member, silent, busy]) await each.reply();
    // The third one made the first go, which had sent nothing either.
    expect(await member.rest()).toBe(TOO_MANY);
    await busy.ask("hello");
    const next = client();
    expect(await next.reply()).toBe(GREETING);
    expect(await silent.rest()).toBe(TOO_MANY);
    expect(await busy.ask("still here")).toBe("still here\n\n");
    expect(logged).toEqual(["text protocol: 1 connections closed because too many are open"]);
  });

  test("is never made at the cost of one that has authenticated", async () => {
    const { client } = await serve({ connections: 2, strangers: 2 });
    const members = [client(), client()];
    for (const each of members) {
      await each.reply();
      await each.ask("me");
    }
    expect(await client().rest()).toBe(TOO_MANY);
    for (const each of members) expect(await each.ask("here")).toBe("here\n\n");
  });

  test("is not made at the cost of one whose password is being checked", async () => {
    const { client, checking } = await serve({ strangers: 1 });
    const checked = client();
    checked.write("check\n");
    await checking;
    expect(await client().rest()).toBe(TOO_MANY);
    expect(checked.socket.readyState).toBe("open");
  });
});

describe("a client that does not read", () => {
  test("is closed, and what it is owed does not grow meanwhile", async () => {
    const { client, gone } = await serve({ stallMs: 500 });
    const deaf = client();
    await deaf.reply();
    deaf.socket.pause();
    const before = process.memoryUsage().rss;
    deaf.write("huge\n".repeat(50));
    await gone;
    expect(process.memoryUsage().rss - before).toBeLessThan(8 * HUGE);
  });

  test("holds up nobody else", async () => {
    const { client } = await serve();
    const [deaf, other] = [client(), client()];
    await deaf.reply();
    await other.reply();
    deaf.socket.pause();
    deaf.write("huge\n".repeat(5));
    for (let turn = 0; turn < 20; turn += 1) expect(await other.ask(`${turn}`)).toBe(`${turn}\n\n`);
  });
});

describe("a client that is served", () => {
  test("gets the replies to all whole lines before its end, and none to half a line", async () => {
    const client = (await serve()).client();
    client.write("one\ntwo\nthr");
    client.socket.end();
    expect(await client.rest()).toBe(`${GREETING}one\n\ntwo\n\n`);
  });

  test("gets nothing after CLOSE, and all before it", async () => {
    const client = (await serve()).client();
    client.write(`one\nCLOSE\n${"two\n".repeat(10_000)}`);
    expect(await client.rest()).toBe(`${GREETING}one\n\nCLOSE\n\n`);
  });

  test("gets a long reply whole", async () => {
    const client = (await serve()).client();
    await client.reply();
    expect((await client.ask("long")).length).toBe(LONG + 2);
  });

  test("gets its turn between any two lines of one that sends without end", async () => {
    const { client, answered } = await serve();
    const [flood, other] = [client(), client()];
    await flood.reply();
    await other.reply();
    flood.write("flood\n".repeat(100_000));
    await expect.poll(answered).toBeGreaterThan(0);
    for (let turn = 0; turn < 20; turn += 1) {
      const before = answered();
      expect(await other.ask(`${turn}`)).toBe(`${turn}\n\n`);
      // One read of the socket brings ten thousand lines.
      expect(answered() - before).toBeLessThan(1000);
    }
    expect(answered()).toBeLessThan(100_000);
  });

  test("is not disturbed by the options of its telnet", async () => {
    const client = (await serve()).client();
    client.socket.setEncoding("latin1");
    await client.reply();
    client.write(Buffer.from([255, 253, 6]));
    expect(await client.ask("hello")).toBe(`${Buffer.from([255, 252, 6]).toString("latin1")}hello\n\n`);
  });
});

test("a port that is taken is told in one line with a remedy", async () => {
  const { port } = await serve();
  await expect(serve({}, port)).rejects.toThrow(
    /^the text protocol cannot listen on 127\.0\.0\.1:\d+: another program has it; stop that one, or name another with --text, or --text off$/,
  );
});
