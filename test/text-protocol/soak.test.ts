import { readdir } from "node:fs/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createLab, type Lab } from "../support/netns.js";
import { begin } from "../support/scene.js";
import { ACCOUNT, AUTH, GREETING, type TextPort, textPort } from "../support/text.js";

const CLIENTS = 50;
const ROUNDS = 10;

let lab: Lab;
let port: TextPort;
beforeAll(async () => {
  lab = await createLab();
  port = await textPort(lab.box);
});
afterAll(() => lab.close());

const rule = (name: string) => `RULES ADD SESS eth0 outgoing tcp 0/0 0 0/0 80 ACCEPT /soak/${name}`;

/** How clients behave, good and bad. Each resolves when it has done what it does; none may throw. */
const BEHAVIOURS: readonly ((name: string) => Promise<void>)[] = [
  async function works(name) {
    const client = await port.authenticated();
    for (let round = 0; round < ROUNDS; round += 1) {
      expect(await client.ask(rule(`${name}-${round}`))).toBe("OK: RULES ADD\n\n");
      expect(await client.ask("RULES LIST")).toContain(`/soak/${name}-${round}`);
      expect(await client.ask("CONFIG LIST")).toContain("password              = ********");
    }
    client.write("CLOSE\n");
    expect(await client.rest()).toBe("\n");
  },
  async function floods() {
    const client = port.connect();
    client.write("RULES LIST\n".repeat(20_000));
    expect(await client.rest()).toContain("ERROR: Too many commands without AUTH");
  },
  async function writesHalf() {
    const client = port.connect();
    await client.reply();
    client.write("RULES AD");
    expect(await (await port.authenticated()).ask("VERSION")).toBe("0.1\n\n");
    client.lose();
  },
  async function guesses() {
    const client = port.connect();
    await client.reply();
    for (let round = 0; round < 2; round += 1) expect(await client.ask("AUTH fwadmin guess")).toBe("AUTH ERROR\n\n");
  },
  async function hasNoEnd() {
    const client = port.connect();
    client.write("x".repeat(1_000_000));
    expect(await client.rest()).toBe(`${GREETING}ERROR: Line too long, max length = 4096\n\n`);
  },
  async function neverReads() {
    const client = await port.authenticated();
    client.socket.pause();
    client.write("RULES LIST\n".repeat(5000));
    expect(await (await port.authenticated()).ask("VERSION")).toBe("0.1\n\n");
    client.lose();
  },
  async function comesAndGoes() {
    for (let round = 0; round < ROUNDS; round += 1) {
      const client = port.connect();
      client.write(round % 2 ? AUTH : "LIST\n");
      client.lose();
    }
  },
  async function sendsNoText() {
    const client = port.connect();
    client.write(Buffer.alloc(4000, "\x00\x80\n", "latin1"));
    expect(await client.rest()).toContain("ERROR: Line is not text\n\n");
  },
];

test(`${CLIENTS} clients at once, good and bad, do not disturb one more that works`, async () => {
  const { daemon } = await begin(lab.box, { config: ACCOUNT, args: ["--interception", "none"] });
  const sockets = async () => (await readdir(`/proc/${daemon.process.pid}/fd`)).length;
  const attached = async () => (await daemon.client.status.get.query()).attachedClients;
  await daemon.client.status.get.query();
  const open = await sockets();
  const worker = await port.authenticated();

  let ended = false;
  const others = Promise.all(
    Array.from({ length: CLIENTS }, (_, index) => BEHAVIOURS[index % BEHAVIOURS.length]?.(`client${index}`)),
  ).finally(() => {
    ended = true;
  });
  let rounds = 0;
  // At least as often as the others, and for as long as they are there.
  for (; rounds < ROUNDS || !ended; rounds += 1) {
    expect(await worker.ask(rule(`worker-${rounds}`))).toBe("OK: RULES ADD\n\n");
    expect(await worker.ask("RULES LIST")).toContain(`/soak/worker-${rounds} `);
    expect(await worker.ask("QUERY LIST")).toMatch(/^\[QUERIES currtime=\d+\]\n\n$/);
  }
  await others;

  const rules = (await daemon.client.rules.list.query()).map(({ app }) => app);
  const works = Array.from({ length: CLIENTS }, (_, index) => index).filter((index) => index % BEHAVIOURS.length === 0);
  expect(rules.filter((app) => app.startsWith("/soak/worker-"))).toHaveLength(rounds);
  expect(rules.filter((app) => app.startsWith("/soak/client"))).toHaveLength(works.length * ROUNDS);
  expect(await (await port.authenticated()).ask("VERSION")).toBe("0.1\n\n");
  port.loseAll();
  await expect.poll(attached, { timeout: 10_000 }).toBe(0);
  await expect.poll(sockets, { timeout: 10_000 }).toBeLessThanOrEqual(open + 1);
  expect((await daemon.stop()).stderr).not.toMatch(/^error/m);
});
