import { resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Event } from "../../ts/model/event.js";
import { done } from "../support/fwctl.js";
import { createLab, type Lab } from "../support/netns.js";
import { CURL, DIG, fetchPage, lookUp, type Outcome, serve } from "../support/probes.js";
import type { Running } from "../support/process.js";
import { quoted, terminalCommand } from "../support/pty.js";
import { begin, type Scene } from "../support/scene.js";

const ASKING = { default_output_action: "ASK", unattended_action: "ASK" };
const PATIENCE = { seconds: 20 };

let lab: Lab;
beforeAll(async () => {
  lab = await createLab();
  await serve(lab.peer);
}, 60_000);
afterAll(() => lab.close());

/** `fwctl watch` in a terminal, which afterwards tells its exit code and whether the terminal takes lines again. */
function watching({ site }: Scene): Running {
  const fwctl = [process.execPath, resolve("dist/cli/fwctl.js"), "--socket", site.socket, "watch"];
  const telling = `sh -c 'echo pid:$$; exec "$@"' sh ${quoted(fwctl)}; echo "exit:$?"; stty -a`;
  return lab.box.start(terminalCommand(telling), { env: { ...process.env, TERM: "dumb" } });
}

/** Waits until watch has ended, and shows that the terminal is as it was. */
async function ended(watch: Running): Promise<{ code: number; shown: string }> {
  const { stdout: shown } = await watch.finished;
  expect(shown).toMatch(/(^|\s)icanon\b/m);
  expect(shown).toMatch(/(^|\s)echo\b/m);
  return { code: Number(/exit:(\d+)/.exec(shown)?.[1]), shown };
}

async function begun(config: Record<string, string> = {}): Promise<Scene & { watch: Running }> {
  const scene = await begin(lab.box, { config: { ...ASKING, ...config } });
  const watch = watching(scene);
  await watch.waitFor(/waiting for questions/);
  return { ...scene, watch };
}

const page = (patience = PATIENCE) => fetchPage(lab.box, lab.peer.address.ipv4, patience);

describe("watch in a terminal", () => {
  test.each<{ key: string; sees: Outcome; said: RegExp }>([
    { key: "a", sees: "passed", said: /allowed: 1 packet released; rule \d+ \(session\)/ },
    { key: "A", sees: "passed", said: /rule \d+ \(permanent\): ACCEPT/ },
    { key: "w", sees: "passed", said: /rule \d+ \(session\): ACCEPT outgoing/ },
    { key: "o", sees: "passed", said: /no rule made/ },
    { key: "d", sees: "silence", said: /denied: [\s\S]*rule \d+ \(session\): DROP/ },
    { key: "D", sees: "silence", said: /rule \d+ \(permanent\): DROP/ },
    { key: "r", sees: "refused", said: /rejected: / },
  ])("shows who wants where, and key $key answers: the program sees $sees", async ({ key, sees, said }) => {
    const { watch } = await begun();
    // Silence takes as long as the program waits.
    const outcome = page(sees === "silence" ? { seconds: 5 } : PATIENCE);
    await watch.waitFor(new RegExp(`#\\d+ ${CURL} \\(pid \\d+, user root\\)`));
    await watch.waitFor(new RegExp(`wants to reach ${lab.peer.address.ipv4}:80`));
    await watch.waitFor(/1 of 1: #\d+/);
    watch.write(key);
    await watch.waitFor(said);
    expect(await outcome).toBe(sees);
    watch.write("q");
    expect((await ended(watch)).code).toBe(0);
  });

  test("keys answer the question that the prompt names, and s turns to the next", async () => {
    const { watch } = await begun();
    const curl = page();
    await watch.waitFor(/1 of 1: #\d+/);
    const dig = lookUp(lab.box, lab.peer.address.ipv4, PATIENCE);
    await watch.waitFor(/1 of 2: #\d+/);
    watch.write("s");
    await watch.waitFor(new RegExp(`2 of 2: #\\d+ \\S*${DIG.slice(-3)}`));
    watch.write("r");
    expect(await dig).toBe("refused");
    await watch.waitFor(/rejected: [\s\S]*1 of 1: #\d+ \S*curl/);
    watch.write("o");
    expect(await curl).toBe("passed");
    watch.write("\u0003");
    expect((await ended(watch)).code).toBe(0);
  });

  test("says when a question is answered elsewhere, and when nobody answered in time", async () => {
    const { watch, daemon } = await begun({ query_timeout: "2" });
    const first = page();
    const [, id = ""] = await watch.waitFor(/1 of 1: #(\d+)/);
    await done(daemon, "reject", id, "--once");
    await watch.waitFor(new RegExp(`#${id} closed elsewhere: rejected`));
    expect(await first).toBe("refused");
    const second = lookUp(lab.box, lab.peer.address.ipv4, { seconds: 1 });
    await watch.waitFor(/expired: nobody answered in time/);
    expect(await second).toBe("silence");
    watch.write("?");
    await watch.waitFor(/A {2}allow for good/);
    watch.write("q");
    expect((await ended(watch)).code).toBe(0);
  });

  test("counts as somebody to ask while it runs, and no longer", async () => {
    const { watch, daemon } = await begun({ unattended_action: "ACCEPT" });
    // Its prompt is there a moment before the daemon knows of it.
    const attached = async () => (await daemon.client.status.get.query()).attachedClients;
    await expect.poll(attached, { timeout: 20_000 }).toBe(1);
    const asked = page();
    await watch.waitFor(/1 of 1: #\d+/);
    watch.write("r");
    expect(await asked).toBe("refused");
    watch.write("q");
    await ended(watch);
    const { id } = (await daemon.client.rules.list.query())[0] ?? {};
    await done(daemon, "rules", "remove", String(id));
    expect(await page()).toBe("passed");
  });

  test("ends with a line and exit code 1 when the daemon goes away", async () => {
    const { watch, daemon } = await begun();
    await daemon.stop("SIGKILL");
    const { code, shown } = await ended(watch);
    expect(code).toBe(1);
    expect(shown).toMatch(/fwctl: fwdaemon went away; /);
  });

  test.each(["SIGTERM", "SIGINT", "SIGHUP"] as const)("gives the terminal back when %s ends it", async (signal) => {
    const { watch } = await begun();
    const [, pid = ""] = await watch.waitFor(/pid:(\d+)/);
    process.kill(Number(pid), signal);
    expect((await ended(watch)).code).toBe({ SIGTERM: 143, SIGINT: 130, SIGHUP: 129 }[signal]);
  });
});

describe("watch without a terminal", () => {
  test("is refused with a line that names what to use instead", async () => {
    const { daemon } = await begin(lab.box);
    const { code, stdout, stderr } = await daemon.fwctl(["watch"]);
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toMatch(/^fwctl: watch needs a terminal [^\n]*`fwctl queries`, or `fwctl --json watch`\n$/);
  });

  test("streams the questions with --json, one object a line, the open ones first", async () => {
    const { daemon, site } = await begin(lab.box, { config: ASKING });
    const follow = [process.execPath, resolve("dist/cli/fwctl.js"), "--socket", site.socket, "--json", "watch"];
    const outcome = page();
    const before = lab.box.start(follow);
    const [, id = ""] = await before.waitFor(/"query-opened".*?"id":(\d+)/);
    const after = lab.box.start(follow);
    await after.waitFor(new RegExp(`"query-opened".*?"id":${id}`));
    await done(daemon, "allow", id);
    await before.waitFor(/"query-closed"/);
    expect(await outcome).toBe("passed");
    await daemon.stop();
    const { code, stdout } = await before.finished;
    expect(code).toBe(1);
    for (const line of stdout.trimEnd().split("\n")) expect(Event.parse(JSON.parse(line))).toEqual(JSON.parse(line));
  });
});
