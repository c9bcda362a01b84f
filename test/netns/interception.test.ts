import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { Interception, type InterceptionOptions } from "../../ts/control/interception/index.js";
import { commandsIn, createLab, FAMILIES, type Lab } from "../support/netns.js";

const OPTIONS: InterceptionOptions = {
  backend: "iptables",
  firstQueue: 4,
  queueCount: 2,
  markMask: 0x30000000,
  exemptLoopback: true,
};
/** Rules of somebody else, with names and comments made to be mistaken for ours. */
const OTHERS = `*filter
:OTHERS - [0:0]
-A OTHERS -j RETURN
-A OUTPUT -p tcp -m comment --comment "not -j DESKTOPFW_OUT" -j OTHERS
-A INPUT -m connmark --mark 0x4000/0xc000 -j ACCEPT
COMMIT
*mangle
:DESKTOPFWX - [0:0]
-A DESKTOPFWX -j RETURN
-A OUTPUT -j DESKTOPFWX
-A OUTPUT -m mark --mark 0xca6c -j ACCEPT
COMMIT
`;

let lab: Lab;
beforeAll(async () => {
  lab = await createLab();
});
afterAll(() => lab.close());

const prepare = (options: Partial<InterceptionOptions> = {}) =>
  Interception.prepare({ ...OPTIONS, ...options }, commandsIn(lab.box));

/** All rules of both families, without counters and times. */
async function rules(): Promise<string> {
  const texts = await Promise.all(FAMILIES.map(({ tool }) => lab.box.must([`${tool}-save`])));
  return texts
    .join("")
    .replaceAll(/^#.*\n/gm, "")
    .replaceAll(/\[\d+:\d+\]/g, "");
}

beforeEach(async () => {
  await (await prepare()).remove();
  for (const { tool } of FAMILIES) await lab.box.must([`${tool}-restore`], { input: OTHERS });
});

test("auto takes the backend that this kernel can queue with", async () => {
  const { backend } = await prepare({ backend: "auto" });
  const probe = "table inet probe { chain c { queue to 0; }; }";
  const canQueue = (await lab.box.run(["nft", "-c", "-f", "-"], { input: probe })).code === 0;
  expect(backend).toBe(canQueue ? "nft" : "iptables");
});

test("preparing changes nothing", async () => {
  const before = await rules();
  await prepare();
  expect(await rules()).toBe(before);
});

test("installing twice is as installing once", async () => {
  const interception = await prepare();
  await interception.install();
  const once = await rules();
  expect(await interception.status()).toEqual({
    backend: "iptables",
    installed: true,
    queues: { first: 4, last: 5 },
    families: ["ipv4", "ipv6"],
  });
  await interception.install();
  expect(await rules()).toBe(once);
});

test("removing leaves exactly what others had, and twice is fine", async () => {
  const before = await rules();
  const interception = await prepare();
  await interception.install();
  expect(await rules()).not.toBe(before);
  await interception.remove();
  expect(await rules()).toBe(before);
  await interception.remove();
  expect(await rules()).toBe(before);
});

test("what a killed run with other queues, another mask and a second jump left goes away", async () => {
  const before = await rules();
  await (await prepare({ firstQueue: 40, queueCount: 1, markMask: 0x3, exemptLoopback: false })).install();
  await lab.box.must(["iptables", "-t", "mangle", "-A", "OUTPUT", "-j", "DESKTOPFW_OUT"]);
  const interception = await prepare();
  await interception.install();
  expect(await rules()).not.toContain("--queue-num 40");
  expect((await rules()).match(/^-A OUTPUT -j DESKTOPFW_OUT$/gm)).toHaveLength(2);
  await interception.remove();
  expect(await rules()).toBe(before);
});

test.each([
  {
    flush: "the mangle table",
    argv: ["iptables", "-t", "mangle", "-F"],
    missing: "OUTPUT to DESKTOPFW_OUT (mangle, ipv4)",
  },
  {
    flush: "our input chain",
    argv: ["ip6tables", "-t", "mangle", "-F", "DESKTOPFW_IN"],
    missing: "DESKTOPFW_IN (ipv6)",
  },
  { flush: "the filter table", argv: ["ip6tables", "-F"], missing: "to DESKTOPFW_REJECT (filter, ipv6)" },
])("status tells that somebody flushed $flush, and installing mends it", async ({ argv, missing }) => {
  const interception = await prepare();
  await interception.install();
  await lab.box.must(argv);
  const status = await interception.status();
  expect(status.installed).toBe(false);
  expect(status.problem).toContain(missing);
  await interception.install();
  expect(await interception.status()).toMatchObject({ installed: true });
});

test("a nftables table of ours from a run with the other backend goes away", async () => {
  await lab.box.must(["nft", "add", "table", "inet", "desktopfw"]);
  await lab.box.must(["nft", "add", "table", "inet", "desktopfw2"]);
  await (await prepare()).install();
  const tables = (await lab.box.must(["nft", "list", "tables"])).split("\n");
  expect(tables).not.toContain("table inet desktopfw");
  expect(tables).toContain("table inet desktopfw2");
});

test("an ordinary user is told to use sudo", async () => {
  const commands = commandsIn(lab.box);
  const asNobody: typeof commands = {
    has: commands.has,
    run: async (tool, args, input = "") => {
      const argv = ["setpriv", "--reuid=65534", "--clear-groups", `/usr/sbin/${tool}`, ...args];
      const { code, stdout, stderr } = await lab.box.run(argv, { input });
      return { ok: code === 0, stdout, stderr };
    },
  };
  await expect(Interception.prepare(OPTIONS, asNobody)).rejects.toThrow(/^[^\n]*root[^\n]*; run it with sudo$/);
});

describe("the reviewed rules are taken by the kernel", () => {
  const golden = (name: string) => readFile(join("test/unit/interception/golden", name), "utf8");
  const names = [
    "loopback-exempt-1-queue",
    "loopback-exempt-2-queues",
    "loopback-judged-1-queue",
    "loopback-judged-2-queues",
  ];

  test.each(names)("%s: iptables-save gives back every rule as it was written", async (name) => {
    for (const { family, tool } of FAMILIES) {
      const text = await golden(`${name}.${family}`);
      await lab.box.must([`${tool}-restore`, "--noflush"], { input: text });
      const saved = await lab.box.must([`${tool}-save`]);
      const ours = saved.split("\n").filter((line) => line.startsWith("-A DESKTOPFW_"));
      expect(ours.sort()).toEqual(
        text
          .split("\n")
          .filter((line) => line.startsWith("-A "))
          .sort(),
      );
    }
  });

  test.each(names)("%s: nft takes all but what this kernel cannot queue", async (name) => {
    const text = await golden(`${name}.nft`);
    const canQueue = (await lab.box.run(["nft", "-c", "-f", "-"], { input: text })).code === 0;
    const taken = canQueue ? text : text.replaceAll(/^ *queue .*$/gm, "    accept");
    await lab.box.must(["nft", "-f", "-"], { input: taken });
    await lab.box.must(["nft", "-f", "-"], { input: taken });
    await lab.box.must(["nft", "delete", "table", "inet", "desktopfw"]);
  });
});
