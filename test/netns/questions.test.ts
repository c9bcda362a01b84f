import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ruleLine } from "../support/daemon.js";
import { createLab, type Lab } from "../support/netns.js";
import {
  CURL,
  DIG,
  ECHO_PORT,
  fetchPage,
  lookUp,
  NODE,
  type Outcome,
  openConnections,
  serve,
} from "../support/probes.js";
import { begin, daemonOn, siteFor, watch } from "../support/scene.js";

const ASK = { default_input_action: "ASK", default_output_action: "ASK", unattended_action: "DROP" };
const PATIENT = { seconds: 30 };
const MANY = 200;

let lab: Lab;
beforeAll(async () => {
  lab = await createLab();
  await Promise.all([serve(lab.box), serve(lab.peer, MANY)]);
});
afterAll(() => lab.close());

const PROBES = [
  { protocol: "tcp", port: 80, client: CURL, probe: fetchPage },
  { protocol: "udp", port: 53, client: DIG, probe: lookUp },
] as const;
const CASES = PROBES.flatMap((probe) =>
  (["outgoing", "incoming"] as const).flatMap((direction) =>
    (["ipv4", "ipv6"] as const).map((family) => ({ ...probe, direction, family })),
  ),
);

describe("a question holds the packet until it is answered", () => {
  test.each(CASES)(
    "$direction $protocol over $family",
    async ({ protocol, port, client, probe, direction, family }) => {
      const [from, to] = direction === "outgoing" ? [lab.box, lab.peer] : [lab.peer, lab.box];
      const { daemon } = await begin(lab.box, { config: ASK });
      const questions = await watch(daemon, "queries");
      const result = probe(from, to.address[family], PATIENT);
      const { query } = await questions.next("query-opened");
      expect(query).toMatchObject({
        direction,
        protocol,
        interface: "eth0",
        destination: { ip: to.address[family], port },
      });
      expect(query.app.path).toBe(direction === "outgoing" ? client : NODE);
      expect((await daemon.client.queries.list.query()).map(({ id }) => id)).toEqual([query.id]);
      expect((await daemon.fwctl(["allow", String(query.id), "--once"])).stderr).toBe("");
      expect(await result).toBe("passed");
      expect(await questions.next("query-closed")).toMatchObject({
        id: query.id,
        verdict: "ACCEPT",
        reason: { kind: "answer" },
      });
      expect(await daemon.client.rules.list.query()).toEqual([]);
    },
  );
});

const ANSWERS: readonly { command: string; action: string; outcome: Outcome; patience: number }[] = [
  { command: "allow", action: "ACCEPT", outcome: "passed", patience: 30 },
  // Long enough for the answer, short enough to wait for silence.
  { command: "deny", action: "DROP", outcome: "silence", patience: 5 },
  { command: "reject", action: "REJECT", outcome: "refused", patience: 30 },
];

describe.each(ANSWERS)("fwctl $command", ({ command, action, outcome, patience }) => {
  test.each(PROBES)(
    "--permanent decides the held $protocol and every later one, with no new question",
    async ({ probe, client, port, protocol }) => {
      const { site, daemon } = await begin(lab.box, { config: ASK });
      const questions = await watch(daemon, "queries");
      const held = probe(lab.box, lab.peer.address.ipv4, { seconds: patience });
      const { query } = await questions.next("query-opened");
      const { code, stderr } = await daemon.fwctl([command, String(query.id), "--permanent"]);
      expect([code, stderr]).toEqual([0, ""]);
      expect(await held).toBe(outcome);
      expect(await probe(lab.box, lab.peer.address.ipv4)).toBe(outcome);
      expect(questions.seen().filter(({ type }) => type === "query-opened")).toHaveLength(1);
      const [rule, ...others] = await daemon.client.rules.list.query();
      expect(others).toEqual([]);
      expect(rule).toMatchObject({ action, app: client, protocol, direction: "outgoing", lifetime: "permanent" });
      expect(rule?.destination).toEqual({ host: `${lab.peer.address.ipv4}/32`, ports: String(port) });
      expect(await site.rulesFile()).toMatch(new RegExp(`${action}\\s+${client}\\s*$`));
    },
  );
});

test("an answer for the session makes no line in the rules file", async () => {
  const { site, daemon } = await begin(lab.box, { config: ASK });
  const before = await site.rulesFile();
  const questions = await watch(daemon, "queries");
  const held = fetchPage(lab.box, lab.peer.address.ipv4, PATIENT);
  const { query } = await questions.next("query-opened");
  await daemon.fwctl(["allow", String(query.id)]);
  expect(await held).toBe("passed");
  expect(await daemon.client.rules.list.query()).toMatchObject([{ lifetime: "session", action: "ACCEPT" }]);
  expect(await site.rulesFile()).toBe(before);
  expect(await fetchPage(lab.box, lab.peer.address.ipv4)).toBe("passed");
  expect(questions.seen().filter(({ type }) => type === "query-opened")).toHaveLength(1);
});

test("a session rule that is not used goes, and the program is asked about again", async () => {
  const { daemon } = await begin(lab.box, { config: { ...ASK, session_idle: "2" } });
  const [questions, events] = [await watch(daemon, "queries"), await watch(daemon, "events")];
  const held = fetchPage(lab.box, lab.peer.address.ipv4, PATIENT);
  await daemon.fwctl(["allow", String((await questions.next("query-opened")).query.id)]);
  expect(await held).toBe("passed");
  expect(await events.next("rule-removed")).toMatchObject({ why: "idle", rule: { lifetime: "session" } });
  const again = fetchPage(lab.box, lab.peer.address.ipv4, PATIENT);
  await daemon.fwctl(["allow", String((await questions.next("query-opened")).query.id), "--once"]);
  expect(await again).toBe("passed");
});

test("a question that nobody answers is dropped after query_timeout", async () => {
  const { daemon } = await begin(lab.box, { config: { ...ASK, query_timeout: "2" } });
  const questions = await watch(daemon, "queries");
  const held = lookUp(lab.box, lab.peer.address.ipv4, { seconds: 4 });
  const { query } = await questions.next("query-opened");
  expect(query.deadline - query.since).toBe(2000);
  const closed = await questions.next("query-closed");
  expect(closed).toMatchObject({ id: query.id, verdict: "DROP", reason: { kind: "timeout" } });
  expect(await held).toBe("silence");
  expect(await daemon.client.queries.list.query()).toEqual([]);
  const late = await daemon.fwctl(["allow", String(query.id)]);
  expect(late.code).toBe(1);
  expect(late.stderr).toMatch(/^[^\n]*not open[^\n]*\n$/);
});

describe("with nobody attached, unattended_action", () => {
  test.each([
    { unattended: "ACCEPT", outcome: "passed" },
    { unattended: "DROP", outcome: "silence" },
  ])("$unattended decides: $outcome", async ({ unattended, outcome }) => {
    const { daemon } = await begin(lab.box, { config: { ...ASK, unattended_action: unattended } });
    const events = await watch(daemon, "events");
    expect(await fetchPage(lab.box, lab.peer.address.ipv4)).toBe(outcome);
    expect(await events.next("verdict")).toMatchObject({ verdict: unattended, reason: { kind: "unattended" } });
    expect(await fetchPage(lab.peer, lab.box.address.ipv6)).toBe(outcome);
  });

  test("ASK holds the packet for whoever comes later", async () => {
    const { daemon } = await begin(lab.box, { config: { ...ASK, unattended_action: "ASK" } });
    const events = await watch(daemon, "events");
    const held = fetchPage(lab.box, lab.peer.address.ipv4, PATIENT);
    const { query } = await events.next("query-opened");
    expect((await daemon.fwctl(["allow", String(query.id), "--once"])).code).toBe(0);
    expect(await held).toBe("passed");
  });

  test("decides again once the last client has gone", async () => {
    const { daemon } = await begin(lab.box, { config: { ...ASK, unattended_action: "ACCEPT" } });
    const questions = await watch(daemon, "queries");
    const held = fetchPage(lab.box, lab.peer.address.ipv4, PATIENT);
    const { query } = await questions.next("query-opened");
    questions.stop();
    await expect.poll(async () => (await daemon.client.status.get.query()).attachedClients).toBe(0);
    expect(await fetchPage(lab.box, lab.peer.address.ipv6)).toBe("passed");
    await daemon.client.queries.answer
      .mutate({ id: query.id, action: "ACCEPT", lifetime: "once" })
      .catch(() => undefined);
    expect(await held).toBe("passed");
  });
});

test("a rule that asks asks, whatever the default says", async () => {
  const { daemon } = await begin(lab.box, {
    config: { default_output_action: "DROP" },
    rules: [ruleLine({ action: "ASK", app: CURL })],
  });
  const questions = await watch(daemon, "queries");
  const held = fetchPage(lab.box, lab.peer.address.ipv4, PATIENT);
  const { query } = await questions.next("query-opened");
  await daemon.fwctl(["allow", String(query.id), "--permanent"]);
  expect(await held).toBe("passed");
  expect(await fetchPage(lab.box, lab.peer.address.ipv4)).toBe("passed");
  expect(await lookUp(lab.box, lab.peer.address.ipv4)).toBe("silence");
});

test("a changed rule answers the questions that it decides", async () => {
  const { daemon } = await begin(lab.box, { config: ASK });
  const questions = await watch(daemon, "queries");
  const held = fetchPage(lab.box, lab.peer.address.ipv4, PATIENT);
  const { query } = await questions.next("query-opened");
  await daemon.fwctl(["rules", "add", "--action", "ACCEPT", "--app", CURL]);
  expect(await held).toBe("passed");
  expect(await questions.next("query-closed")).toMatchObject({ id: query.id, verdict: "ACCEPT" });
});

test(`${MANY} open questions do not hold up what rules decide`, async () => {
  const { daemon } = await begin(lab.box, { config: ASK, rules: [ruleLine({ action: "ACCEPT", app: CURL })] });
  const questions = await watch(daemon, "queries");
  const asked = openConnections(lab.box, lab.peer.address.ipv4, MANY);
  const open = [];
  while (open.length < MANY) open.push((await questions.next("query-opened")).query);
  expect(new Set(open.map(({ destination }) => destination.port)).size).toBe(MANY);
  expect(open.every(({ app, destination }) => app.path === NODE && destination.port >= ECHO_PORT)).toBe(true);
  for (let turn = 0; turn < 10; turn += 1) {
    expect(await fetchPage(lab.box, lab.peer.address[turn % 2 ? "ipv4" : "ipv6"])).toBe("passed");
  }
  expect(await daemon.client.queries.list.query()).toHaveLength(MANY);
  expect(asked.stdout()).not.toContain("data");
  for (const { id } of open) {
    const answered = await daemon.client.queries.answer.mutate({ id, action: "ACCEPT", lifetime: "once" });
    expect(answered).toEqual({ released: 1, rule: null });
  }
  await asked.waitFor(new RegExp(`^outcomes {"connected":${MANY}}$`, "m"));
});

test("flows of one program to one destination are one question with a count", async () => {
  const { daemon } = await begin(lab.box, { config: ASK });
  const questions = await watch(daemon, "queries");
  const first = openConnections(lab.box, lab.peer.address.ipv4);
  const { query } = await questions.next("query-opened");
  const second = openConnections(lab.box, lab.peer.address.ipv4);
  expect((await questions.next("query-updated")).query).toMatchObject({ id: query.id, count: 2 });
  expect((await daemon.fwctl(["--json", "allow", String(query.id), "--once"])).stdout).toContain('"released":');
  await Promise.all([first, second].map((program) => program.waitFor(/^outcomes {"connected":1}$/m)));
});

test("stopping drops what is held: nothing that was asked about slips out", async () => {
  const site = await siteFor({ config: ASK });
  const daemon = await daemonOn(lab.box, site);
  const questions = await watch(daemon, "queries");
  const held = lookUp(lab.box, lab.peer.address.ipv4, { seconds: 4 });
  await questions.next("query-opened");
  questions.stop();
  await daemon.stop();
  expect(await held).toBe("silence");
});
