import { copyFile, mkdir, readFile, readlink, realpath, rmdir, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { z } from "zod";
import { Query } from "../../ts/model/query.js";
import type { Daemon } from "../support/daemon.js";
import { done, json } from "../support/fwctl.js";
import { createLab, type Lab } from "../support/netns.js";
import { NODE } from "../support/probes.js";
import { must } from "../support/process.js";
import { begin, temporaryDirectory, watch } from "../support/scene.js";

const SENDER = resolve("test/support/programs/sender.py");
const OPEN = { default_input_action: "ACCEPT", default_output_action: "ACCEPT" };
const ASKING = { default_output_action: "ASK", unattended_action: "ASK" };
const PORT = 9200;
const NO_CGROUPS = "no cgroup2 hierarchy is mounted";
/** As many bytes of the arguments as the firewall keeps. */
const KEPT = 256;
/** Sends one datagram when it is told to, and holds its socket until it is told to end. usage: GATE ADDRESS PORT */
const SEND = 'exec 4<> "$0"; read -ru 4; exec 3<> "/dev/udp/$1/$2"; echo x >&3; read -ru 4';

let lab: Lab;
let bash: string;
let python: string;
beforeAll(async () => {
  lab = await createLab();
  bash = await realpath("/bin/bash");
  python = await realpath("/usr/bin/python3");
});
afterAll(() => lab.close());

/** The named pipe that a sender waits at. */
async function gate() {
  const path = join(await temporaryDirectory(), "gate");
  await must(["mkfifo", path]);
  return { path, pass: () => writeFile(path, "\n") };
}

type Gate = Awaited<ReturnType<typeof gate>>;

function sender({ path }: Gate, ...more: string[]): string[] {
  return [bash, "-c", SEND, path, lab.peer.address.ipv4, String(PORT), ...more];
}

/** What the firewall tells of the program that sends when `send` is called. */
async function seen(daemon: Daemon, send: () => Promise<unknown>) {
  const events = await watch(daemon, "events");
  await send();
  return (await events.next("verdict", ({ flow }) => flow.destination.port === PORT)).app;
}

/** Whatever runs here has ended before the firewall judges what it sent. */
async function unjudged(daemon: Daemon, run: () => Promise<unknown>): Promise<void> {
  daemon.process.kill("SIGSTOP");
  try {
    await run();
  } finally {
    daemon.process.kill("SIGCONT");
  }
}

async function daemonWith(layer: string, config: Record<string, string> = OPEN): Promise<Daemon> {
  const { daemon } = await begin(lab.box, { config, args: ["--attribution", layer] });
  return daemon;
}

const layers = ["auto", "proc"];
const tester = () => ({ pid: process.pid, path: NODE });

describe.each(layers)("a process that lives is shown (%s)", (layer) => {
  test("with its arguments and who started it", async () => {
    const daemon = await daemonWith(layer);
    const door = await gate();
    const argv = sender(door, "two words", "", "ü");
    const running = lab.box.start(argv);
    const app = await seen(daemon, door.pass);
    expect(app).toMatchObject({ path: bash, pid: running.pid, arguments: argv });
    expect(app).not.toHaveProperty("argumentsCut");
    expect(app).not.toHaveProperty("mountNamespace");
    expect(app.parents?.[0]).toEqual(tester());
    expect(app.parents?.length).toBeLessThanOrEqual(8);
    await door.pass();
  });

  test("though it ran before the firewall", async () => {
    const door = await gate();
    const argv = sender(door);
    lab.box.start(argv);
    const app = await seen(await daemonWith(layer), door.pass);
    expect(app.arguments).toEqual(argv);
    expect(app.parents?.[0]).toEqual(tester());
    await door.pass();
  });

  test("with the beginning of long arguments, and that they are cut", async () => {
    const daemon = await daemonWith(layer);
    const door = await gate();
    const argv = sender(door, "x".repeat(4000));
    lab.box.start(argv);
    const { arguments: words = [], argumentsCut } = await seen(daemon, door.pass);
    expect([words.join("\0"), argumentsCut]).toEqual([argv.join("\0").slice(0, KEPT), true]);
    await door.pass();
  });

  test("with the name of a starter that has ended, if that is known, and else with none in its place", async () => {
    const daemon = await daemonWith(layer);
    const starter = join(await temporaryDirectory(), "starter");
    await copyFile(bash, starter);
    const [start, door] = [await gate(), await gate()];
    const argv = sender(door, "child");
    // The starter ends before its child becomes the sender.
    const child = '(exec 5<> "$0"; read -ru 5; exec "$@") < /dev/null > /dev/null 2>&1 &';
    const pids = (await lab.box.must([starter, "-c", `${child} echo "$$ $!"`, start.path, ...argv])).trim().split(" ");
    await start.pass();
    const app = await seen(daemon, door.pass);
    expect(app).toMatchObject({ pid: Number(pids[1]), arguments: argv });
    const own = { pid: Number(pids[0]), path: starter };
    if (layer === "auto") expect(app.parents?.slice(0, 2)).toEqual([own, tester()]);
    else expect(app.parents ?? []).not.toContainEqual(own);
    await door.pass();
  });

  test("with the control group that it is in when it sends", async ({ skip }) => {
    const group = await ownGroup();
    if (group === undefined) return skip(NO_CGROUPS);
    const daemon = await daemonWith(layer);
    const door = await gate();
    const running = lab.box.start(sender(door));
    // A group with a process in it cannot be removed.
    onTestFinished(async () => {
      running.kill("SIGKILL");
      await running.finished;
    });
    await writeFile(join(group.directory, "cgroup.procs"), String(running.pid));
    expect((await seen(daemon, door.pass)).cgroup).toBe(group.path);
  });

  test("with its mount namespace when that is another", async () => {
    const daemon = await daemonWith(layer);
    const door = await gate();
    const running = lab.box.start(["unshare", "--mount", ...sender(door)]);
    const app = await seen(daemon, door.pass);
    const namespace = await readlink(`/proc/${running.pid}/ns/mnt`);
    expect({ ...app, mountNamespace: `mnt:[${app.mountNamespace}]` }).toMatchObject({
      path: bash,
      pid: running.pid,
      mountNamespace: namespace,
    });
    await door.pass();
  });
});

describe("a process that ends at once", () => {
  const argv = () => [python, SENDER, "send-and-exit", lab.peer.address.ipv4, String(PORT)];

  test("is shown with its arguments and who started it, each of 100", async () => {
    const daemon = await daemonWith("auto");
    const events = await watch(daemon, "events");
    const send = (port: number) => ["--norc", "-c", `echo x > /dev/udp/${lab.peer.address.ipv4}/${port}`];
    const burst = `for port in {9300..9399}; do "$0" --norc -c "echo x > /dev/udp/$1/$port" & done; wait`;
    await unjudged(daemon, () => lab.box.must([bash, "-c", burst, bash, lab.peer.address.ipv4]));
    for (let count = 0; count < 100; count++) {
      const { app, flow } = await events.next("verdict", ({ flow }) => flow.destination.port >= 9300);
      expect(app.arguments).toEqual([bash, ...send(flow.destination.port)]);
      expect(app.parents?.slice(0, 2)).toEqual([{ pid: expect.any(Number), path: bash }, tester()]);
    }
  });

  test("is never shown with another's without the exact layer", async () => {
    const daemon = await daemonWith("proc");
    const app = await seen(daemon, () => unjudged(daemon, () => lab.box.must(argv())));
    expect([undefined, argv().join(" ")]).toContain(app.arguments?.join(" "));
  });

  test("and was forked without an exec has its parent's arguments", async () => {
    const daemon = await daemonWith("auto");
    const argv = [bash, "-c", `echo $$; (echo x > /dev/udp/${lab.peer.address.ipv4}/${PORT}); exit 0`];
    const said: string[] = [];
    const app = await seen(daemon, () => unjudged(daemon, async () => said.push(await lab.box.must(argv))));
    expect(app.arguments).toEqual(argv);
    expect(app.parents?.slice(0, 2)).toEqual([{ pid: Number(said[0]), path: bash }, tester()]);
  });
});

describe("what is told of a process is told as it was when it sent:", () => {
  const send = (port: number) => `echo x > /dev/udp/${lab.peer.address.ipv4}/${port}`;

  async function bothSeen(argv: string[], whenItEnded: boolean) {
    const daemon = await daemonWith("auto");
    const events = await watch(daemon, "events");
    const run = () => lab.box.must(argv);
    await (whenItEnded ? unjudged(daemon, run) : run());
    const app = async (port: number) =>
      (await events.next("verdict", ({ flow }) => flow.destination.port === port)).app;
    return [await app(PORT), await app(PORT + 1)];
  }

  test("the arguments, of a process that starts its program again", async () => {
    const again = `${send(PORT + 1)}; exit 0`;
    const argv = [bash, "-c", `${send(PORT)}; exec ${bash} -c "$0"`, again];
    const words = (await bothSeen(argv, false)).map((app) => app.arguments);
    expect(words).toEqual([argv, [bash, "-c", again]]);
  });

  test("the control group, of a process that goes to another and back", async ({ skip }) => {
    const group = await ownGroup();
    if (group === undefined) return skip(NO_CGROUPS);
    const move = (to: string) => `echo $$ > ${to}/cgroup.procs`;
    const before = join(group.directory, "before");
    await mkdir(before);
    onTestFinished(() => rmdir(before));
    const script = [move(before), send(PORT), move(group.directory), send(PORT + 1), move(before)].join("; ");
    const groups = (await bothSeen([bash, "-c", script], true)).map((app) => app.cgroup);
    expect(groups).toEqual([`${group.path}/before`, group.path]);
  });
});

test.each(layers)("arguments cannot steer the terminal, and are in JSON what they are (%s)", async (layer) => {
  const daemon = await daemonWith(layer, ASKING);
  const events = await watch(daemon, "events");
  const door = await gate();
  const argv = sender(door, "\u001b[2J\u202e", "line\nvia /usr/bin/trusted");
  const running = lab.box.start([bash, "-c", 'exec -a "\u001b[2J\nvia" "$0" "$@"', ...argv]);
  await Promise.all([door.pass(), events.next("query-opened")]);
  const [query] = await json(daemon, z.array(Query), "queries");
  expect(query?.app.arguments).toEqual(["\u001b[2J\nvia", ...argv.slice(1)]);
  const printed = await done(daemon, "queries");
  expect(printed).not.toMatch(/(?!\n)[\p{C}\p{Zl}\p{Zp}]/u);
  expect(printed).toContain("    started as '\\x1b[2J\\x0avia' -c ");
  expect(printed).toContain(`    via ${NODE}, `);
  running.kill("SIGKILL");
  await running.finished;
});

/** A control group of this test's own, if there is a hierarchy of version 2. */
async function ownGroup(): Promise<{ directory: string; path: string } | undefined> {
  const mounts = (await readFile("/proc/self/mountinfo", "utf8")).split("\n").map((line) => line.split(" "));
  const top = mounts.find((fields) => fields[fields.indexOf("-") + 1] === "cgroup2" && fields[3] === "/")?.[4];
  if (top === undefined) return undefined;
  const path = `/fwtest-${process.pid}`;
  const own = join(top, path);
  await mkdir(own);
  onTestFinished(() => rmdir(own));
  return { directory: own, path };
}
