import { chmod, copyFile, open, readFile, rename, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Daemon, ruleLine } from "../support/daemon.js";
import { done } from "../support/fwctl.js";
import { createLab, type Lab } from "../support/netns.js";
import { CURL, type Outcome, serve } from "../support/probes.js";
import { begin, daemonOn, siteFor, temporaryDirectory, watch } from "../support/scene.js";

const ASK = { default_input_action: "DROP", default_output_action: "DROP", unattended_action: "DROP" };

let lab: Lab;
beforeAll(async () => {
  lab = await createLab();
  await serve(lab.peer);
});
afterAll(() => lab.close());

/** A curl of the test's own, which it may replace. */
async function ownCurl(): Promise<string> {
  const path = join(await temporaryDirectory(), "curl");
  await copyFile(CURL, path);
  await chmod(path, 0o755);
  return path;
}

/** As an upgrade does: another file, which works as well, gets the name. */
async function replace(path: string, more = "another build"): Promise<void> {
  const fresh = `${path}.new`;
  await copyFile(CURL, fresh);
  const file = await open(fresh, "a");
  await file.write(more);
  await file.close();
  await chmod(fresh, 0o755);
  await rename(fresh, path);
}

async function fetchWith(path: string, seconds = 2): Promise<Outcome> {
  const argv = [path, "-s", "--noproxy", "*", "--max-time", String(seconds), `http://${lab.peer.address.ipv4}/`];
  const { code, stdout, stderr } = await lab.box.run(argv);
  if (code === 0 && stdout === "page\n") return "passed";
  if (code === 28) return "silence";
  throw new Error(`curl ended with ${code}: ${stdout}${stderr}`);
}

/** A daemon that allows this program and has it registered. */
async function registered(path: string, config: Readonly<Record<string, string>> = {}) {
  const options = { config: { ...ASK, ...config }, rules: [ruleLine({ action: "ACCEPT", app: path })] };
  const scene = await begin(lab.box, options);
  expect(await done(scene.daemon, "apps", "add", path)).toBe(`registered ${path}\n`);
  expect(await fetchWith(path)).toBe("passed");
  return scene;
}

/** Replaces the program, and waits until the daemon tells of it. */
async function replaced(daemon: Daemon, path: string) {
  const events = await watch(daemon, "events");
  await replace(path);
  return (await events.next("app-changed")).app;
}

test("another file in the place of a registered program is asked about, saying why, until it is accepted", async () => {
  const path = await ownCurl();
  const { daemon } = await registered(path);
  expect(await replaced(daemon, path)).toMatchObject({ path, changed: true, size: true, checksum: true });
  expect(await done(daemon, "apps")).toMatch(/CHANGED: (time, )?size, content/);
  expect(await done(daemon, "apps", "check")).toContain("has changed");
  expect(await done(daemon, "status")).toContain("fwctl apps commit");

  const questions = await watch(daemon, "queries");
  const held = fetchWith(path, 30);
  const { query } = await questions.next("query-opened");
  expect(query.app).toMatchObject({ path, changed: {} });
  expect((await done(daemon, "queries")).replace(/\s+/g, " ")).toContain("file changed since it was registered");
  expect(await done(daemon, "apps", "commit", path)).toBe(`accepted ${path}\n`);
  expect(await held).toBe("passed");
  expect(await fetchWith(path)).toBe("passed");
  expect(questions.seen().filter(({ type }) => type === "query-opened")).toHaveLength(1);
  expect(await done(daemon, "apps")).toContain("not changed");
  expect(await done(daemon, "status")).not.toContain("fwctl apps commit");
});

test.each(["--session", "--permanent"])("an answer %s given after the change counts for the new file", async (life) => {
  const path = await ownCurl();
  const { daemon } = await registered(path);
  await replaced(daemon, path);
  const questions = await watch(daemon, "queries");
  const held = fetchWith(path, 30);
  await done(daemon, "allow", String((await questions.next("query-opened")).query.id), life);
  expect(await held).toBe("passed");
  expect(await fetchWith(path)).toBe("passed");
});

test("an answer does not count for a file that comes after it", async () => {
  const path = await ownCurl();
  const { daemon } = await registered(path);
  await replaced(daemon, path);
  const [questions, events] = [await watch(daemon, "queries"), await watch(daemon, "events")];
  const first = fetchWith(path, 30);
  await done(daemon, "allow", String((await questions.next("query-opened")).query.id), "--permanent");
  expect(await first).toBe("passed");
  await replace(path, "yet another build");
  await events.next("app-changed");
  const second = fetchWith(path, 30);
  expect((await questions.next("query-opened")).query.app).toMatchObject({ path, changed: {} });
  await done(daemon, "apps", "commit", path);
  expect(await second).toBe("passed");
});

test.each([
  { action: "DROP", outcome: "silence" },
  { action: "IGNORE", outcome: "passed" },
])("with changed_app_action $action a changed program meets $outcome, and nobody is asked", async (each) => {
  const path = await ownCurl();
  const { daemon } = await registered(path, { changed_app_action: each.action });
  const questions = await watch(daemon, "queries");
  await replaced(daemon, path);
  expect(await fetchWith(path)).toBe(each.outcome);
  expect(questions.seen()).toEqual([]);
});

test("a program that was replaced while fwdaemon did not run is not trusted when it runs again", async () => {
  const path = await ownCurl();
  const rules = [ruleLine({ action: "ACCEPT", app: path })];
  const site = await siteFor({ config: ASK, rules });
  const before = await daemonOn(lab.box, site);
  await done(before, "apps", "add", path);
  await before.stop();
  await replace(path);
  const daemon = await daemonOn(lab.box, site);
  const events = await watch(daemon, "events");
  expect(await fetchWith(path)).toBe("silence");
  expect(events.seen().filter(({ type }) => type === "verdict")).toMatchObject([
    { verdict: "DROP", reason: { kind: "unattended" } },
  ]);
});

test("bytes that change places, which the original's checksum does not see, are seen", async () => {
  const path = await ownCurl();
  await writeFile(path, "#!/bin/sh\nexit 12\n");
  const site = await siteFor({ config: ASK });
  const daemon = await daemonOn(lab.box, site);
  await utimes(path, 1000, 1000);
  await done(daemon, "apps", "add", path);
  const line = (await readFile(join(site.configDir, "apps"), "utf8")).split("\n").at(-2);
  const events = await watch(daemon, "events");
  await writeFile(path, "#!/bin/sh\nexit 21\n");
  await utimes(path, 1000, 1000);
  const { app } = await events.next("app-changed");
  expect(app).toMatchObject({ path, mtime: false, size: false, checksum: true });
  await done(daemon, "apps", "commit", path);
  expect((await readFile(join(site.configDir, "apps"), "utf8")).split("\n").at(-2)).toBe(line);
});

test("a touched file is told, and trusted: its content is the same", async () => {
  const path = await ownCurl();
  const { daemon } = await registered(path);
  const events = await watch(daemon, "events");
  await utimes(path, 1000, 1000);
  expect((await events.next("app-changed")).app).toMatchObject({ mtime: true, size: false, checksum: false });
  expect(await fetchWith(path)).toBe("passed");
});

test("what cannot be registered, accepted or forgotten is refused in one line", async () => {
  const { daemon } = await begin(lab.box, { config: ASK });
  for (const words of [
    ["add", "/nowhere"],
    ["add", "/"],
    ["commit", "/usr/bin/env"],
    ["remove", "/usr/bin/env"],
  ]) {
    const { code, stdout, stderr } = await daemon.fwctl(["apps", ...words]);
    expect({ code, stdout }, words.join(" ")).toEqual({ code: 1, stdout: "" });
    expect(stderr).toMatch(/^fwctl: [^\n]+; [^\n]+\n$/);
  }
});
