import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ruleLine } from "../support/daemon.js";
import { createLab, type Host, type Lab } from "../support/netns.js";
import { CURL, fetchPage, NODE, openConnections, serve } from "../support/probes.js";
import { begin, temporaryDirectory, watch } from "../support/scene.js";

const ASK = { default_output_action: "ASK", unattended_action: "ASK", query_timeout: "60" };
const PATIENT = { seconds: 20 };
let lab: Lab;
beforeAll(async () => {
  lab = await createLab();
  await serve(lab.peer);
});
afterAll(() => lab.close());

describe("an answer", () => {
  test("releases the packets and makes the rule of its scope, for the next connections too", async () => {
    const { daemon } = await begin(lab.box, { config: ASK });
    const queries = await watch(daemon, "queries");
    const page = fetchPage(lab.box, lab.peer.address.ipv4, PATIENT);
    const { query } = await queries.next("query-opened");
    expect(query).toMatchObject({
      direction: "outgoing",
      protocol: "tcp",
      interface: "eth0",
      source: { ip: lab.box.address.ipv4 },
      destination: { ip: lab.peer.address.ipv4, port: 80 },
      app: { path: CURL, uid: 0, user: "root" },
    });
    expect(query.deadline - query.since).toBe(60_000);
    const { id, app } = query;
    expect(await daemon.client.queries.list.query()).toMatchObject([{ id, app, count: 1 }]);

    const { released, rule } = await daemon.client.queries.answer.mutate({ id: query.id, action: "ACCEPT" });
    expect(released).toBe(1);
    expect(rule).toMatchObject({
      lifetime: "session",
      idleLimit: 60,
      app: CURL,
      source: { host: "any", ports: "any" },
      destination: { host: `${lab.peer.address.ipv4}/32`, ports: "80" },
    });
    expect(await page).toBe("passed");
    expect(await queries.next("query-closed")).toMatchObject({ id: query.id, verdict: "ACCEPT" });
    expect(await fetchPage(lab.box, lab.peer.address.ipv4)).toBe("passed");
    expect((await daemon.client.rules.list.query())[0]?.hits).toBeGreaterThan(0);
  });

  test("for once makes no rule, and the next connection asks again", async () => {
    const { daemon } = await begin(lab.box, { config: ASK });
    const queries = await watch(daemon, "queries");
    for (const [action, outcome] of [
      ["ACCEPT", "passed"],
      ["REJECT", "refused"],
    ] as const) {
      const page = fetchPage(lab.box, lab.peer.address.ipv4, PATIENT);
      const { query } = await queries.next("query-opened");
      expect(await daemon.client.queries.answer.mutate({ id: query.id, action, lifetime: "once" })).toEqual({
        released: 1,
        rule: null,
      });
      expect(await page).toBe(outcome);
    }
    expect(await daemon.client.rules.list.query()).toEqual([]);
  });

  test("for good is in the file, and stands before the rule that asked", async () => {
    const rules = [
      ruleLine({ action: "DROP", port: "81" }),
      ruleLine({ action: "ASK", port: "80" }),
      ruleLine({ action: "DROP" }),
    ];
    const { daemon, site } = await begin(lab.box, { config: { unattended_action: "ASK" }, rules });
    const queries = await watch(daemon, "queries");
    const page = fetchPage(lab.box, lab.peer.address.ipv6, PATIENT);
    const { query } = await queries.next("query-opened");
    await daemon.client.queries.answer.mutate({ id: query.id, action: "ACCEPT", lifetime: "permanent" });
    expect(await page).toBe("passed");
    expect(await fetchPage(lab.box, lab.peer.address.ipv6)).toBe("passed");
    const actions = (await daemon.client.rules.list.query()).map(({ action }) => action);
    expect(actions).toEqual(["DROP", "ACCEPT", "ASK", "DROP"]);
    expect(await site.rulesFile()).toContain(`${lab.peer.address.ipv6}/128`.toLowerCase());
  });

  test("to a query that is not open is not found", async () => {
    const { daemon } = await begin(lab.box, { config: ASK, args: ["--interception", "none"] });
    const failure = await daemon.client.queries.answer.mutate({ id: 7, action: "ACCEPT" }).catch((error) => error);
    expect(failure).toMatchObject({
      message: "query 7 is not open (answered or expired)",
      data: { code: "NOT_FOUND" },
    });
  });

  test("until the program quits ends with the program, and the rule's end is told", async () => {
    const { daemon } = await begin(lab.box, { config: ASK });
    const [queries, events] = [await watch(daemon, "queries"), await watch(daemon, "events")];
    const program = openConnections(lab.box, lab.peer.address.ipv4);
    const { query } = await queries.next("query-opened");
    expect(query.app).toMatchObject({ path: NODE });
    const { rule } = await daemon.client.queries.answer.mutate({ id: query.id, action: "ACCEPT", lifetime: "process" });
    expect(rule?.process?.pid).toBe(query.app.pid);
    program.kill("SIGKILL");
    expect(await events.next("rule-removed")).toMatchObject({ why: "quit", rule: { id: rule?.id } });
    expect(await daemon.client.rules.list.query()).toEqual([]);
  });
});

describe("a session rule", () => {
  test("goes after its idle limit without use, and is told as gone", async () => {
    const { daemon } = await begin(lab.box, { config: { session_idle: "1" } });
    const events = await watch(daemon, "events");
    const rule = await daemon.client.rules.add.mutate({ action: "DROP", lifetime: "session" });
    expect(rule.idleLimit).toBe(1);
    expect(await events.next("rule-removed")).toMatchObject({ why: "idle", rule: { id: rule.id } });
    expect(await daemon.client.rules.list.query()).toEqual([]);
  });

  test("with an end goes at it", async () => {
    const { daemon } = await begin(lab.box);
    const events = await watch(daemon, "events");
    const expiresAt = Date.now() + 1500;
    const rule = await daemon.client.rules.add.mutate({ action: "DROP", lifetime: "until", expiresAt });
    expect(await events.next("rule-removed")).toMatchObject({ why: "expired", rule: { id: rule.id, expiresAt } });
  });
});

test("a client that comes late is told of the open questions first", async () => {
  const { daemon } = await begin(lab.box, { config: ASK });
  const first = await watch(daemon, "queries");
  const page = fetchPage(lab.box, lab.peer.address.ipv4, PATIENT);
  const { query } = await first.next("query-opened");
  const late = await watch(daemon, "queries");
  expect((await late.next("query-opened")).query.id).toBe(query.id);
  await daemon.client.queries.answer.mutate({ id: query.id, action: "REJECT" });
  expect(await late.next("query-closed")).toMatchObject({ id: query.id, verdict: "REJECT" });
  expect(await page).toBe("refused");
  expect(late.seen().filter(({ type }) => type === "query-opened")).toHaveLength(1);
});

test("members of the group may read and answer, and change nothing else", async () => {
  const group = 64_242;
  const host = await withGroup(lab.box, `desktopfw:x:${group}:\n`);
  const { daemon, site } = await begin(host, { config: ASK });
  await lab.box.must(["chmod", "755", site.directory]);
  expect((await lab.box.must(["stat", "-c", "%a %g", site.socket])).trim()).toBe(`660 ${group}`);
  const queries = await watch(daemon, "queries");
  const page = fetchPage(lab.box, lab.peer.address.ipv4, PATIENT);
  const { query } = await queries.next("query-opened");

  const as = async (who: string[], path: string, input?: object) => {
    const post = input ? ["-H", "content-type: application/json", "-d", JSON.stringify(input)] : [];
    const curl = ["curl", "-s", "--max-time", "20", "--unix-socket", site.socket, ...post, `http://fwdaemon/${path}`];
    return JSON.parse(await lab.box.must(["setpriv", "--reuid=4242", ...who, ...curl]));
  };
  const primary = [`--regid=${group}`, "--clear-groups"];
  const supplementary = ["--regid=4242", `--groups=${group}`];
  for (const who of [primary, supplementary]) {
    expect((await as(who, "queries.list")).result.data).toHaveLength(1);
    for (const [path, input] of [
      ["rules.add", { action: "ACCEPT" }],
      ["config.set", { key: "port", value: "2000" }],
      ["rules.reload", {}],
      ["interception.remove", {}],
    ] as const) {
      expect((await as(who, path, input)).error).toMatchObject({
        message: `${path} is not allowed for user 4242; members of the group may read and answer; use sudo`,
        data: { code: "FORBIDDEN" },
      });
    }
  }
  expect((await as(supplementary, "queries.answer", { id: query.id, action: "REJECT" })).result.data.released).toBe(1);
  expect(await page).toBe("refused");
});

/** The same host where one more line stands in /etc/group, for what is started there only. */
async function withGroup(host: Host, line: string): Promise<Host> {
  const file = join(await temporaryDirectory(), "group");
  const others = (await readFile("/etc/group", "utf8")).replace(/^desktopfw:.*\n/m, "");
  await writeFile(file, others + line);
  const over = ["unshare", "--mount", "sh", "-c", 'mount --bind "$0" /etc/group && exec "$@"', file];
  return { ...host, start: (argv, options) => host.start([...over, ...argv], options) };
}
