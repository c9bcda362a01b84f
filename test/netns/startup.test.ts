import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ruleLine, type Site } from "../support/daemon.js";
import { createLab, type Lab } from "../support/netns.js";
import { fetchPage, lookUp, serve } from "../support/probes.js";
import { begin, siteFor } from "../support/scene.js";

let lab: Lab;
beforeAll(async () => {
  lab = await createLab();
  await serve(lab.peer);
});
afterAll(() => lab.close());

/** Reading is all that this ordinary user may do beyond others: the checkout may lie where only root can look. */
const AS_NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
const READS_ALL = ["--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"];

type Case = { name: string; says: RegExp; args?: string[]; prefix?: string[]; spoil?: (site: Site) => Promise<void> };
const BAD: readonly Case[] = [
  { name: "an ordinary user", says: /root/, prefix: [...AS_NOBODY, ...READS_ALL] },
  { name: "a directory that is missing", says: /\/nonexistent/, args: ["--config-dir", "/nonexistent"] },
  {
    name: "a rules file with a wrong line",
    says: /rules:3.*expected/,
    spoil: ({ writeRules }) => writeRules(["eth0\tsideways\ttcp\t0/0\t0\t0/0\t80\tACCEPT\t*"]),
  },
  {
    name: "a config file with a wrong value",
    says: /config:.*query_timeout.*expected/,
    spoil: ({ writeConfig }) => writeConfig({ query_timeout: "soon" }),
  },
  {
    name: "a config directory that is a file",
    says: /config/,
    args: ["--config-dir", "/etc/hostname"],
  },
  {
    name: "a socket path that is a file of somebody else's",
    says: /socket/,
    spoil: ({ socket }) => writeFile(socket, "mine\n"),
  },
  { name: "queues beyond the last one", says: /queue/, args: ["--queue", "65535"] },
];

describe("a start that cannot work", () => {
  test.each(BAD)(
    "with $name ends with one line and exit 1, and leaves nothing in the kernel",
    async ({ says, args = [], prefix = [], spoil }) => {
      const site = await siteFor();
      await spoil?.(site);
      const { code, stdout, stderr } = await lab.box.run([...prefix, ...site.command({ args })]);
      expect(stderr).toMatch(/^fwdaemon: [^\n]+\n$/);
      expect(stderr).toMatch(says);
      expect([code, stdout]).toEqual([1, ""]);
      expect(await lab.box.must(["nft", "list", "ruleset"])).not.toMatch(/desktopfw/i);
    },
  );

  test("with an option that is unknown is wrong usage, exit 2", async () => {
    const { code, stderr } = await lab.box.run((await siteFor()).command({ args: ["--quue", "1"] }));
    expect(code).toBe(2);
    expect(stderr).toContain("--quue");
  });

  test.each([
    { name: "on the same socket", sameSite: true, args: ["--queue", "10"], says: /another fwdaemon/ },
    { name: "on the same queues", sameSite: false, args: [], says: /queue/ },
  ])("because another daemon runs $name leaves that one at work", async ({ sameSite, args, says }) => {
    const { site, daemon } = await begin(lab.box, { rules: [ruleLine({ action: "ACCEPT", port: "80" })] });
    const second = sameSite ? site : await siteFor();
    const { code, stderr } = await lab.box.run(second.command({ args }));
    expect(stderr).toMatch(/^fwdaemon: [^\n]+\n$/);
    expect(stderr).toMatch(says);
    expect(code).toBe(1);
    expect(await fetchPage(lab.box, lab.peer.address.ipv4)).toBe("passed");
    expect(await lookUp(lab.box, lab.peer.address.ipv4)).toBe("silence");
    expect(await daemon.client.interception.status.query()).toMatchObject({ installed: true });
  });

  test("with a backend that the kernel lacks says which to take; with one that it has it filters", async () => {
    const site = await siteFor();
    const probe = "table inet probe { chain c { queue to 0; }; }";
    const canQueue = (await lab.box.run(["nft", "-c", "-f", "-"], { input: probe })).code === 0;
    const daemon = lab.box.start(site.command({ args: ["--interception", "nft"] }));
    if (canQueue) {
      await daemon.waitFor(/^fwdaemon: filtering on queue .*nft/m);
      daemon.kill();
    }
    const { code, stderr } = await daemon.finished;
    expect(code).toBe(canQueue ? 0 : 1);
    if (!canQueue)
      expect(stderr).toMatch(/^fwdaemon: nftables cannot queue[^\n]*; [^\n]*--interception iptables[^\n]*\n$/);
  });
});

test("a rules file that breaks while the daemon runs is refused, and the last good rules stay", async () => {
  const { site, daemon } = await begin(lab.box, { rules: [ruleLine({ action: "ACCEPT", port: "80" })] });
  await writeFile(join(site.configDir, "rules"), "[rules]\nnonsense\n");
  await expect(daemon.client.rules.reload.mutate()).rejects.toThrow(/rules:2: [^\n]*expected/);
  expect(await fetchPage(lab.box, lab.peer.address.ipv4)).toBe("passed");
  expect((await daemon.client.status.get.query()).problems.join()).toContain("rules:2");
  expect(await site.rulesFile()).toBe("[rules]\nnonsense\n");
});
