import { copyFile, mkdtemp, readFile, realpath, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { z } from "zod";
import { RegisteredApp } from "../../ts/model/app.js";
import { Device, Status } from "../../ts/model/status.js";
import { type Daemon, ruleLine } from "../support/daemon.js";
import { done, json, refused } from "../support/fwctl.js";
import { createLab, type Lab } from "../support/netns.js";
import { CURL } from "../support/probes.js";
import { begin, daemonOn, siteFor } from "../support/scene.js";

const Apps = z.array(RegisteredApp);
const Check = z.object({ changed: z.boolean() });
const legacy = (name: string) => readFile(join("test/unit/fixtures", name), "utf8");

let lab: Lab;
let program: string;
beforeAll(async () => {
  lab = await createLab();
}, 60_000);
afterAll(() => lab.close());
beforeEach(async () => {
  const directory = await realpath(await mkdtemp(join(tmpdir(), "fwtest-apps-")));
  program = join(directory, "program");
  await writeFile(program, "one");
  return () => rm(directory, { recursive: true });
});

const list = (daemon: Daemon) => json(daemon, Apps, "apps");

test("a program is registered, seen to change, accepted and forgotten, in JSON by the schema", async () => {
  const { daemon, site } = await begin(lab.box);
  expect(await list(daemon)).toEqual([]);
  expect(await done(daemon, "apps")).toContain("no programs are registered");
  await done(daemon, "apps", "add", program);
  expect(await list(daemon)).toEqual([{ path: program, changed: false, mtime: false, size: false, checksum: false }]);
  expect(await json(daemon, Check, "apps", "check")).toEqual({ changed: false });
  await writeFile(program, "another one");
  await expect.poll(() => json(daemon, Check, "apps", "check"), { timeout: 5000 }).toEqual({ changed: true });
  expect(await list(daemon)).toMatchObject([{ changed: true, size: true, checksum: true }]);
  await done(daemon, "apps", "commit", program);
  expect(await list(daemon)).toMatchObject([{ changed: false }]);
  await done(daemon, "apps", "remove", program);
  expect(await list(daemon)).toEqual([]);
  expect(await refused(daemon, "apps", "commit", program)).toContain("is not registered");
  expect((await stat(join(site.directory, "state", "apps.json"))).mode & 0o777).toBe(0o600);
});

test("the table fits 80 columns, and a changed program stands in it and in status", async () => {
  const { daemon } = await begin(lab.box);
  await done(daemon, "apps", "add", program);
  await rm(program);
  const text = `${await done(daemon, "apps")}${await done(daemon, "status")}`;
  expect(text).toMatch(/CHANGED: time, size, content/);
  expect(text.replace(/\s+/g, " ")).toContain(`${program} has changed since registered`);
  expect(text.split("\n").filter((line) => line.length > 80)).toEqual([]);
  await writeFile(program, "one");
});

test("a changed program that its package knows is told as such", async () => {
  const site = await siteFor();
  // Registered as something else: for the daemon, curl as the package has it is a changed file.
  await writeFile(join(site.configDir, "apps"), `[apps]\n${CURL} 1 2 3\n`);
  const daemon = await daemonOn(lab.box, site);
  const matches = expect.stringMatching(/^curl \d/);
  await expect.poll(() => list(daemon), { timeout: 5000 }).toMatchObject([{ changed: true, package: matches }]);
  expect(await done(daemon, "apps")).toMatch(/matches package curl \d/);
});

test("the files of an old installation load as they are, and stay so until something is changed", async () => {
  const site = await siteFor();
  for (const name of ["config", "rules", "apps"])
    await copyFile(join("test/unit/fixtures", name), join(site.configDir, name));
  const daemon = await daemonOn(lab.box, site, { args: ["--text", "off"] });
  expect(await done(daemon, "rules")).toContain("/usr/bin/nc.openbsd");
  expect(await done(daemon, "config", "get", "default_output_action")).toBe("DROP\n");
  expect((await list(daemon)).map(({ path }) => path)).toEqual(["/tmp/appx"]);
  for (const name of ["config", "rules", "apps"]) {
    expect(await readFile(join(site.configDir, name), "utf8")).toBe(await legacy(name));
  }
});

test("what the original passed over is told with its line, and kept as a comment by the next change", async () => {
  const site = await siteFor();
  const rules = `${await legacy("rules")}half a rule\n`;
  const number = rules.split("\n").length - 1;
  await writeFile(join(site.configDir, "rules"), rules);
  const daemon = await daemonOn(lab.box, site);
  const place = `${join(site.configDir, "rules")}:${number}: `;
  expect((await json(daemon, Status, "status")).problems).toEqual([expect.stringContaining(place)]);
  expect(daemon.process.stderr()).toContain(place);
  expect(await refused(daemon, "rules", "check")).toContain(place);
  await done(daemon, "rules", "add", "--action", "DROP", "--app", "/bin/x");
  expect(await site.rulesFile()).toContain(`${await legacy("rules")}# passed over: half a rule\n`);
  expect((await json(daemon, Status, "status")).problems).toEqual([]);
  await site.writeRules([ruleLine({ action: "DROP" }), "half a rule"]);
  expect(await refused(daemon, "rules", "reload")).toMatch(/rules:4: the rule has 3 of 9 fields/);
});

test("a broken apps file is refused by a reload, and what was registered stays", async () => {
  const { daemon, site } = await begin(lab.box);
  await done(daemon, "apps", "add", program);
  await writeFile(join(site.configDir, "apps"), "[apps]\nnonsense\n");
  expect(await refused(daemon, "rules", "reload")).toContain("apps:2: the line is no registered program");
  expect(await list(daemon)).toMatchObject([{ path: program }]);
});

test("the sixteen counters of an interface are those of the kernel", async () => {
  const { daemon } = await begin(lab.box);
  const device = await json(daemon, Device, "devices", "stats", "eth0");
  const columns = (line: string) => line.trim().split(/\s+/);
  const text = await lab.box.must(["cat", "/proc/net/dev"]);
  const [receive = [], transmit = []] = (text.split("\n")[1] ?? "").split("|").slice(1).map(columns);
  expect([receive.length, transmit.length]).toEqual([8, 8]);
  expect([Object.keys(device.receive), Object.keys(device.transmit)]).toEqual([receive, transmit]);
  const table = await done(daemon, "devices", "stats", "eth0");
  for (const name of [...receive, ...transmit]) expect(table).toMatch(new RegExp(`^${name} +(\\d|-)`, "m"));
  const [link] = JSON.parse(await lab.box.must(["ip", "-s", "-j", "link", "show", "eth0"]));
  expect(device.receive).toMatchObject({ errs: link.stats64.rx.errors, drop: link.stats64.rx.dropped });
  expect(device.transmit).toMatchObject({ colls: link.stats64.tx.collisions, carrier: link.stats64.tx.carrier_errors });
});
