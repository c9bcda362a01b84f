import { readFileSync } from "node:fs";
import { chmod, copyFile, mkdir, readFile, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Client, connect } from "../../ts/client/index.js";
import { createSite, type Site } from "../support/daemon.js";
import { type Follower, follow } from "../support/follow.js";
import { createLab, type Lab } from "../support/netns.js";
import { type Block, blocksOf, patternOf } from "../support/page.js";
import { serve } from "../support/probes.js";
import type { Running } from "../support/process.js";
import { quoted, terminalCommand } from "../support/pty.js";

const BLOCKS = blocksOf(readFileSync(resolve("docs/howto.md"), "utf8"));
const STEPS = [...new Set(BLOCKS.map(({ step }) => step))];
/** The address of the page in step 3: the lab's peer has it. */
const SITE_ADDRESS = "1.1.1.1";
/** The page waits for 60 s; a test need not. */
const SESSION_IDLE = 3;
const PROMPT = /\$ $/;

/** A person's terminal: a shell in which what is typed runs. */
type Terminal = { type(text: string): void; shows(pattern: RegExp): Promise<RegExpExecArray> };

let lab: Lab;
let site: Site;
let client: Client;
let events: Follower;
let password = "";
const terminals = new Map<number, Terminal>();

beforeAll(async () => {
  lab = await createLab();
  await serve(lab.peer);
  await lab.peer.must(["ip", "address", "add", `${SITE_ADDRESS}/32`, "dev", "lo"]);
  await lab.box.must(["ip", "route", "add", `${SITE_ADDRESS}/32`, "via", lab.peer.address.ipv4]);
  site = await createSite();
  await shippedFiles();
  for (const number of new Set(BLOCKS.map(({ terminal }) => terminal))) terminals.set(number, await openTerminal());
});
afterAll(async () => {
  events?.stop();
  await client?.close();
  await lab.close();
  await site.remove();
});

describe("docs/howto.md, each step as it is written there", () => {
  test("has the original's eight steps", () => {
    expect(STEPS).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  });

  test.each(STEPS)("step %i", async (step) => {
    await before(step);
    for (const block of BLOCKS.filter((each) => each.step === step)) await follows(block);
  });
});

/** What the page leaves to the person's patience. */
async function before(step: number): Promise<void> {
  if (step === 3) {
    client = connect({ socket: site.socket });
    events = await follow(client, "events");
  }
  if (step === 4) expect((await events.next("query-opened")).query.destination.ip).toBe(SITE_ADDRESS);
  if (step === 6) expect((await events.next("rule-removed")).why).toBe("idle");
}

async function follows({ kind, terminal: number, lines }: Block): Promise<void> {
  const terminal = terminals.get(number);
  if (!terminal) throw new Error(`there is no terminal ${number}`);
  switch (kind) {
    case "sh":
      for (const line of lines) terminal.type(`${line.replace("PASSWORD", password)}\n`);
      break;
    case "keys":
      expect(lines).toEqual(["Ctrl-C"]);
      terminal.type("\x03");
      await terminal.shows(PROMPT);
      break;
    case "text": {
      const [shown] = await terminal.shows(patternOf(lines));
      password = /^password = (\S+)$/m.exec(shown)?.[1] ?? password;
    }
  }
}

/** The files of a new installation, and the programs by their names. */
async function shippedFiles(): Promise<void> {
  for (const name of ["config", "rules"]) await copyFile(join("etc/desktopfw", name), join(site.configDir, name));
  const config = join(site.configDir, "config");
  const shipped = await readFile(config, "utf8");
  await writeFile(config, shipped.replace(/^session_idle(\s*)=.*$/m, `session_idle$1=\t${SESSION_IDLE}`));
  const programs = {
    sudo: '"$@"',
    fwdaemon: `${quoted(site.command())} "$@"`,
    fwctl: `${quoted([process.execPath, resolve("dist/cli/fwctl.js"), "--socket", site.socket])} "$@"`,
  };
  await mkdir(join(site.directory, "bin"));
  for (const [name, command] of Object.entries(programs)) {
    const path = join(site.directory, "bin", name);
    await writeFile(path, `#!/bin/sh\nexec ${command}\n`);
    await chmod(path, 0o755);
  }
}

async function openTerminal(): Promise<Terminal> {
  const env = {
    ...process.env,
    PATH: `${join(site.directory, "bin")}:${process.env.PATH}`,
    PS1: "$ ",
    ENV: "",
    TERM: "dumb",
  };
  const shell: Running = lab.box.start(terminalCommand("exec sh", 200), { env });
  await shell.waitFor(PROMPT);
  // What was on the screen before the last line was typed is not looked at.
  let from = 0;
  const screen = () => shell.stdout().slice(from).replaceAll("\r", "");
  return {
    type(text) {
      from = shell.stdout().length;
      shell.write(text);
    },
    async shows(pattern) {
      await expect.poll(screen, { timeout: 30_000, interval: 50 }).toMatch(pattern);
      return pattern.exec(screen()) as RegExpExecArray;
    },
  };
}
