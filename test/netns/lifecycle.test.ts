import { existsSync } from "node:fs";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { ruleLine } from "../support/daemon.js";
import { createLab, type Lab } from "../support/netns.js";
import { CURL, fetchPage, lookUp, serve } from "../support/probes.js";
import { daemonOn, siteFor } from "../support/scene.js";

let lab: Lab;
beforeAll(async () => {
  lab = await createLab();
  await serve(lab.peer);
});
afterAll(() => lab.close());

/** The rules in the box's kernel, without times and counters: everybody's in iptables, and our table of nftables. */
async function kernelRules(): Promise<string> {
  const texts = await Promise.all(["iptables-save", "ip6tables-save"].map((tool) => lab.box.must([tool])));
  const { stdout } = await lab.box.run(["nft", "list", "table", "inet", "desktopfw"]);
  return texts.join("").replaceAll(/^#.*\n|\[\d+:\d+\]/gm, "") + stdout;
}

const OURS = /desktopfw/i;

describe.each(["SIGTERM", "SIGINT"] as const)("after %s", (signal) => {
  test("the exit is clean, the kernel's rules and the socket are gone, and traffic is as without a firewall", async () => {
    const site = await siteFor();
    const daemon = await daemonOn(lab.box, site);
    expect(await kernelRules()).toMatch(OURS);
    expect(await fetchPage(lab.box, lab.peer.address.ipv4)).toBe("silence");
    expect(await daemon.stop(signal)).toMatchObject({ code: 0, signal: null });
    expect(await kernelRules()).not.toMatch(OURS);
    expect(existsSync(site.socket)).toBe(false);
    expect(await fetchPage(lab.box, lab.peer.address.ipv4)).toBe("passed");
  });
});

test("permanent rules outlive a restart, session rules do not", async () => {
  const site = await siteFor();
  const first = await daemonOn(lab.box, site);
  await first.fwctl(["rules", "add", "--action", "ACCEPT", "--app", CURL]);
  await first.fwctl(["rules", "add", "--action", "ACCEPT", "--to-port", "53", "--session"]);
  expect(await lookUp(lab.box, lab.peer.address.ipv4)).toBe("passed");
  await first.stop();
  const second = await daemonOn(lab.box, site);
  expect(await second.client.rules.list.query()).toMatchObject([
    { app: CURL, action: "ACCEPT", lifetime: "permanent" },
  ]);
  expect(await fetchPage(lab.box, lab.peer.address.ipv4)).toBe("passed");
  expect(await lookUp(lab.box, lab.peer.address.ipv4)).toBe("silence");
});

describe("after kill -9", () => {
  afterEach(async () => {
    const daemon = await daemonOn(lab.box, await siteFor());
    await daemon.stop();
  });

  test("traffic passes: the queue is bypassed when nobody listens", async () => {
    const daemon = await daemonOn(lab.box, await siteFor());
    expect(await fetchPage(lab.box, lab.peer.address.ipv4)).toBe("silence");
    await daemon.stop("SIGKILL");
    expect(await kernelRules()).toMatch(OURS);
    expect(await fetchPage(lab.box, lab.peer.address.ipv4)).toBe("passed");
  });

  test("the next start works on the stale socket, with other queues, and its end leaves nothing", async () => {
    const site = await siteFor({ rules: [ruleLine({ action: "ACCEPT", app: CURL })] });
    const killed = await daemonOn(lab.box, site, { args: ["--queue", "20"] });
    await killed.stop("SIGKILL");
    expect(existsSync(site.socket)).toBe(true);
    const next = await daemonOn(lab.box, site, { args: ["--queue", "30"] });
    expect(await kernelRules()).not.toMatch(/queue.* 20\b/);
    expect(await fetchPage(lab.box, lab.peer.address.ipv4)).toBe("passed");
    expect(await lookUp(lab.box, lab.peer.address.ipv4)).toBe("silence");
    expect((await next.client.status.get.query()).rules.permanent).toBe(1);
    await next.stop();
    expect(await kernelRules()).not.toMatch(OURS);
  });

  test("a question that was open is not let through by the next start", async () => {
    const site = await siteFor({ config: { default_output_action: "ASK", unattended_action: "ASK" } });
    const killed = await daemonOn(lab.box, site);
    const held = lookUp(lab.box, lab.peer.address.ipv4, { seconds: 4 });
    await expect.poll(async () => (await killed.client.queries.list.query()).length).toBe(1);
    await killed.stop("SIGKILL");
    expect(await held).toBe("silence");
  });
});

test("fwctl interception remove and install take the rules out of the kernel and back", async () => {
  const daemon = await daemonOn(lab.box, await siteFor());
  expect((await daemon.fwctl(["interception", "remove"])).code).toBe(0);
  expect(await kernelRules()).not.toMatch(OURS);
  expect(await fetchPage(lab.box, lab.peer.address.ipv4)).toBe("passed");
  expect((await daemon.fwctl(["interception", "install"])).code).toBe(0);
  expect(await fetchPage(lab.box, lab.peer.address.ipv6)).toBe("silence");
  const { stdout } = await daemon.fwctl(["--json", "interception", "status"]);
  expect(JSON.parse(stdout)).toMatchObject({ installed: true, families: ["ipv4", "ipv6"] });
});

test("rules of others stay as they were, and still see what the firewall lets pass", async () => {
  const blocked = "-p tcp --dport 80 -m comment --comment others -j REJECT --reject-with tcp-reset".split(" ");
  await lab.box.must(["iptables", "-A", "OUTPUT", ...blocked]);
  const before = await kernelRules();
  const daemon = await daemonOn(lab.box, await siteFor({ config: { default_output_action: "ACCEPT" } }));
  expect(await fetchPage(lab.box, lab.peer.address.ipv4)).toBe("refused");
  expect(await fetchPage(lab.box, lab.peer.address.ipv6)).toBe("passed");
  await daemon.stop();
  expect(await kernelRules()).toBe(before);
  await lab.box.must(["iptables", "-D", "OUTPUT", ...blocked]);
});
