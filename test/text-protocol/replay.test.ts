import { readFileSync } from "node:fs";
import { rm, writeFile } from "node:fs/promises";
import { resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { createLab, type Lab } from "../support/netns.js";
import { begin } from "../support/scene.js";
import { ACCOUNT, AUTH, GREETING, type TextPort, textPort } from "../support/text.js";

type Section = { name: string; exchanges: { send: string | null; reply: string }[] };

const TRANSCRIPT = JSON.parse(
  readFileSync(resolve("test/text-protocol/fixtures/transcript.json"), "utf8"),
) as Section[];
/** The files of a fresh original. */
const FRESH = { ...ACCOUNT, default_input_action: "ASK", default_output_action: "ASK" };
const APPLICATION = "/tmp/appx";

let lab: Lab;
let port: TextPort;
beforeAll(async () => {
  lab = await createLab();
  port = await textPort(lab.box);
});
afterAll(() => lab.close());

describe("what was recorded from the original is answered the same, but for the times", () => {
  test("of every part of the record", () => {
    expect(TRANSCRIPT.map(({ name, exchanges }) => [name, exchanges.length])).toEqual([
      ["basics", 13],
      ["rules", 20],
      ["config", 16],
      ["apps", 13],
    ]);
  });

  test.each(TRANSCRIPT)("$name", async ({ exchanges }) => {
    await writeFile(APPLICATION, "#!/bin/sh\n", { mode: 0o755 });
    onTestFinished(() => rm(APPLICATION, { force: true }));
    await begin(lab.box, { config: FRESH, args: ["--interception", "none"] });
    const client = port.connect();
    const seconds = [Math.floor(Date.now() / 1000)];
    const [greeting, ...rest] = exchanges;
    expect(await client.reply()).toBe(greeting?.reply);
    // The original let everybody in; ours wants AUTH first.
    expect(await client.ask(AUTH)).toBe("AUTH OK\n\n");
    const answered = [];
    for (const { send } of rest) answered.push({ send, reply: await client.ask(send ?? "") });
    seconds.push(Math.ceil(Date.now() / 1000));
    const [from = 0, to = 0] = seconds;
    const isNow = (digits: string) => Number(digits) >= from && Number(digits) <= to;
    const timeless = answered.map(({ send, reply }) => ({
      send,
      reply: reply.replace(/\b\d{10}\b/g, (digits) => (isNow(digits) ? "{EPOCH}" : digits)),
    }));
    expect(timeless).toEqual(rest);
    client.write("CLOSE\r\n");
    expect(await client.rest()).toBe("\n");
  });

  test("to a client that ends its lines with \\n, and to one that sends them all at once", async () => {
    await begin(lab.box, { config: FRESH, args: ["--interception", "none"] });
    const basics = TRANSCRIPT[0]?.exchanges.slice(1) ?? [];
    const client = port.connect();
    client.write([AUTH, ...basics.map(({ send }) => send)].map((line) => `${line}\n`).join(""));
    client.socket.end();
    expect(await client.rest()).toBe([GREETING, "AUTH OK\n\n", ...basics.map(({ reply }) => reply)].join(""));
  });
});
