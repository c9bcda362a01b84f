import { copyFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { Query } from "../../ts/model/query.js";
import { Rule } from "../../ts/model/rule.js";
import type { Daemon } from "../support/daemon.js";
import { done, json, refused } from "../support/fwctl.js";
import { createLab, type Lab } from "../support/netns.js";
import { CURL, fetchPage, type Outcome, serve } from "../support/probes.js";
import { begin, type Scene, watch } from "../support/scene.js";

const ASKING = { default_output_action: "ASK", unattended_action: "ASK" };
const PATIENCE = { seconds: 20 };

let lab: Lab;
beforeAll(async () => {
  lab = await createLab();
  await serve(lab.peer);
}, 60_000);
afterAll(() => lab.close());

/** A daemon with one open question: curl wants a page of the peer. */
async function asked(patience = PATIENCE): Promise<Scene & { id: string; outcome: Promise<Outcome> }> {
  const scene = await begin(lab.box, { config: ASKING });
  const events = await watch(scene.daemon, "events");
  const outcome = fetchPage(lab.box, lab.peer.address.ipv4, patience);
  const { query } = await events.next("query-opened");
  return { ...scene, id: String(query.id), outcome };
}

function rulesOf(daemon: Daemon): Promise<Rule[]> {
  return json(daemon, z.array(Rule), "rules");
}

describe("an open question", () => {
  test("is listed with its program and its destination, for people and as the schema says", async () => {
    const { daemon, id, outcome } = await asked();
    const [query, ...more] = await json(daemon, z.array(Query), "queries");
    expect(more).toEqual([]);
    expect(query).toMatchObject({
      id: Number(id),
      direction: "outgoing",
      protocol: "tcp",
      destination: { ip: lab.peer.address.ipv4, port: 80 },
      app: { path: CURL, user: "root" },
    });
    const lines = (await done(daemon, "queries")).split("\n");
    expect(lines[1]).toMatch(new RegExp(`^ *${id} +${CURL} +${query?.app.pid} +root +outgoing +tcp `));
    expect(lines[2]).toContain(`-> ${lab.peer.address.ipv4}:80 on eth0`);
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(80);
    await done(daemon, "allow", id);
    expect(await outcome).toBe("passed");
    expect(await done(daemon, "queries")).toBe("no questions are open\n");
  });

  const host = () => `${lab.peer.address.ipv4}/32`;
  test.each<{ words: string; sees: Outcome; rule: () => object | undefined }>([
    {
      words: "allow",
      sees: "passed",
      rule: () => ({ action: "ACCEPT", lifetime: "session", destination: { host: host(), ports: "80" } }),
    },
    { words: "allow --once", sees: "passed", rule: () => undefined },
    {
      words: "allow --permanent --anywhere",
      sees: "passed",
      rule: () => ({ action: "ACCEPT", lifetime: "permanent", destination: { host: "any" } }),
    },
    { words: "deny --for 1h", sees: "silence", rule: () => ({ action: "DROP", lifetime: "until" }) },
    { words: "reject", sees: "refused", rule: () => ({ action: "REJECT", lifetime: "session" }) },
  ])("is answered by $words: the program sees $sees, and the rule says so", async ({ words, sees, rule }) => {
    // Silence takes as long as the program waits.
    const { daemon, id, outcome, site } = await asked(sees === "silence" ? { seconds: 5 } : PATIENCE);
    const [command = "", ...options] = words.split(" ");
    const said = await done(daemon, command, id, ...options);
    const rules = await rulesOf(daemon);
    const wanted = rule();
    expect(rules).toMatchObject(wanted ? [{ app: CURL, direction: "outgoing", ...wanted }] : []);
    expect(said).toContain(wanted ? `rule ${rules[0]?.id} (` : "no rule made");
    expect((await site.rulesFile()).includes(CURL)).toBe(words.includes("--permanent"));
    expect(await outcome).toBe(sees);
  });

  test("can be answered once only: the second answer is refused with one line", async () => {
    const { daemon, id, outcome } = await asked();
    await done(daemon, "allow", id);
    await outcome;
    expect(await refused(daemon, "deny", id)).toContain(`${id} is not open`);
  });

  test("is completed by the shell, and so are rules and devices", async () => {
    const { daemon, id, outcome, site } = await asked();
    const offered = async (...words: string[]) =>
      done(daemon, "__complete", "--", "--socket", site.socket, ...words, "");
    expect(await offered("allow")).toBe(`${id}\t${CURL}, ${lab.peer.address.ipv4}:80\n`);
    await done(daemon, "allow", id);
    await outcome;
    const [rule] = await rulesOf(daemon);
    expect(await offered("rules", "remove")).toContain(`${rule?.id}\tACCEPT outgoing tcp `);
    expect(await offered("devices", "stats")).toMatch(/^lo\t.*\neth0\t/);
  });

  test("of a program with a hostile name cannot steer the terminal", async () => {
    const { daemon, site } = await begin(lab.box, { config: ASKING });
    const events = await watch(daemon, "events");
    const program = join(site.directory, "c\u001b[2J\u202elruc");
    await copyFile(CURL, program);
    const running = lab.box.start([
      program,
      "-s",
      "--noproxy",
      "*",
      "--max-time",
      "20",
      `http://${lab.peer.address.ipv4}/`,
    ]);
    const { query } = await events.next("query-opened");
    expect(query.app.path).toBe(program);
    const printed = [
      await done(daemon, "queries"),
      await done(daemon, "--json", "queries"),
      // The rules file cannot hold control characters: the refusal names the program.
      await refused(daemon, "deny", String(query.id)),
    ];
    for (const text of printed) {
      expect(text).not.toMatch(/(?!\n)[\p{C}\p{Zl}\p{Zp}]/u);
      expect(text).toContain("lruc");
    }
    running.kill();
    await running.finished;
  });
});
