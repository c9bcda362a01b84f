import { mkdtemp, rm } from "node:fs/promises";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ruleLine } from "../support/daemon.js";
import { createLab, type Lab } from "../support/netns.js";
import { CURL, fetchPage, serve } from "../support/probes.js";
import { must } from "../support/process.js";
import { begin } from "../support/scene.js";

let lab: Lab;
let directory: string;
beforeAll(async () => {
  lab = await createLab();
  await serve(lab.peer);
  // Inside the package, so that it finds "desktopfw/client" by that name as another package would.
  directory = await mkdtemp(resolve("dist/example-"));
});
afterAll(async () => {
  await lab?.close();
  if (directory) await rm(directory, { recursive: true });
});

test("the example of the documentation compiles, waits for a program's question and allows it", async () => {
  const options = ["--ignoreConfig", "--strict", "--skipLibCheck", "--types", "node", "--rootDir", "."];
  const target = ["--target", "es2023", "--module", "nodenext", "--outDir", directory];
  await must(["node_modules/.bin/tsc", ...options, ...target, "docs/client-example.ts"]);

  const rules = [ruleLine({ action: "REJECT", app: "/usr/bin/another" })];
  const { site } = await begin(lab.box, { config: { default_output_action: "ASK", unattended_action: "DROP" }, rules });
  const example = lab.box.start([process.execPath, join(directory, "docs/client-example.js"), CURL, site.socket]);
  await example.waitFor(new RegExp(`^waiting for ${CURL}$`, "m"));
  expect(await fetchPage(lab.box, lab.peer.address.ipv4, { seconds: 20 })).toBe("passed");
  const { code, stdout, stderr } = await example.finished;
  expect([code, stderr]).toEqual([0, ""]);
  expect(stdout.split("\n")).toEqual([
    "fwdaemon 0.2.0: 1 permanent rules, 0 of this session",
    "rule 1: REJECT any /usr/bin/another",
    `waiting for ${CURL}`,
    `query 1: ${CURL} wants to reach ${lab.peer.address.ipv4} port 80`,
    `allowed: rule 2 to ${lab.peer.address.ipv4}/32, 1 packets released`,
    "",
  ]);
});
