import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createLab, type Lab } from "../support/netns.js";
import { CURL, fetchPage, serve } from "../support/probes.js";
import { begin, type Scene, watch } from "../support/scene.js";
import { ACCOUNT, GREETING, type TextClient, type TextPort, textPort } from "../support/text.js";

/** What nobody is there to answer is dropped, so that a page that loads was allowed by an answer or a rule. */
const ASK = { ...ACCOUNT, default_output_action: "ASK", unattended_action: "DROP" };
const PATIENT = { seconds: 30 };

let lab: Lab;
let port: TextPort;
beforeAll(async () => {
  lab = await createLab();
  await serve(lab.peer);
  port = await textPort(lab.box);
});
afterAll(() => lab.close());

const attached = async ({ daemon }: Scene) => (await daemon.client.status.get.query()).attachedClients;
/** Asks for the page and waits until that is a question. */
async function holdPage(scene: Scene): Promise<{ page: ReturnType<typeof fetchPage>; id: number }> {
  const opened = await watch(scene.daemon, "events");
  const page = fetchPage(lab.box, lab.peer.address.ipv4, PATIENT);
  const { query } = await opened.next("query-opened");
  return { page, id: query.id };
}

describe("a client that has authenticated is there to answer", () => {
  test("with a rule for the session, shown with its use", async () => {
    const scene = await begin(lab.box, { config: ASK });
    const client = await port.authenticated();
    const { page, id } = await holdPage(scene);
    const [now, peer] = [Math.floor(Date.now() / 1000), lab.peer.address.ipv4];
    const [, head, time, question] =
      /^(\[QUERIES currtime=)(\d+)\]\n(.*)\n\n$/.exec(await client.ask("QUERY LIST")) ?? [];
    expect(head).toBe("[QUERIES currtime=");
    expect(Math.abs(Number(time) - now)).toBeLessThanOrEqual(2);
    expect(question?.replace(/SPORT\[\d+\]/, "SPORT[*]").replace(/INSTIME\[\d{10}\]/, "INSTIME[*]")).toBe(
      `Q[${id}] IFACE[eth0] DIR[outgoing] SRCIP[${lab.box.address.ipv4}] DSTIP[${peer}] SPORT[*] DPORT[80] APP[${CURL}] INSTIME[*]`,
    );
    expect(await client.ask(`QUERY ADD SESS ${id} ANYWHERE`)).toBe(`QUERY NUMBER [${id}] ADDED TO RULES\n\n`);
    expect(await page).toBe("passed");
    expect(await client.ask("QUERY LIST")).toMatch(/^\[QUERIES currtime=\d+\]\n\n$/);
    expect(await fetchPage(lab.box, peer)).toBe("passed");
    const columns = ["[0000] SESS", "eth0", "outgoing", "tcp", "0/0".padEnd(18), "0", "0/0".padEnd(18), "0", "ACCEPT"];
    const [, rule = ""] = (await client.ask("RULES LIST")).split("\n");
    expect(rule.split("\t").slice(0, -2)).toEqual([...columns, CURL.padEnd(33)]);
    const [lastActivity, hits] = rule.split("\t").slice(-2).map(Number);
    expect(Math.abs(Number(lastActivity) - Date.now() / 1000)).toBeLessThan(10);
    expect(hits).toBeGreaterThanOrEqual(1);
  });

  test("with a permanent rule for exactly what was asked", async () => {
    const scene = await begin(lab.box, { config: ASK });
    const client = await port.authenticated();
    const { page, id } = await holdPage(scene);
    expect(await client.ask(`QUERY ADD PERM ${id}`)).toBe(`QUERY NUMBER [${id}] ADDED TO RULES\n\n`);
    expect(await page).toBe("passed");
    const source = `${lab.box.address.ipv4}/32`.padEnd(18);
    const destination = `${lab.peer.address.ipv4}/32`.padEnd(18);
    expect(await client.ask("RULES LIST")).toContain(`[0000] PERM\teth0\toutgoing\ttcp\t${source}\t`);
    expect(await scene.site.rulesFile()).toMatch(
      new RegExp(`^eth0\toutgoing\ttcp\t${source}\t\\d+\t${destination}\t80\tACCEPT\t${CURL} *$`, "m"),
    );
  });

  test("but not to a question that there is not, or in other words", async () => {
    const scene = await begin(lab.box, { config: ASK });
    const client = await port.authenticated();
    const usage = "usage:\n QUERY ADD PERM qnumber [ANYWHERE]\n QUERY ADD SESS qnumber [ANYWHERE]\n\n";
    expect(await client.ask("QUERY ADD SESS 7")).toBe("ERROR: QUERY NUMBER [7] NOT FOUND\n\n");
    for (const words of ["", " SESS", " LATER 1", " SESS x", " SESS 1 anywhere", " SESS 1 ANYWHERE more"]) {
      expect(await client.ask(`QUERY ADD${words}`)).toBe(usage);
    }
    expect(await scene.daemon.client.rules.list.query()).toEqual([]);
  });
});

describe("a client is not there to answer", () => {
  const ways: [string, (client: TextClient) => unknown][] = [
    ["after CLOSE", (client) => client.write("CLOSE\n")],
    ["after EXIT", (client) => client.write("EXIT\n")],
    ["after its connection is lost", (client) => client.lose()],
    ["after it has ended its side", (client) => client.socket.end()],
  ];

  test("before AUTH", async () => {
    const scene = await begin(lab.box, { config: { ...ASK, unattended_action: "ACCEPT" } });
    const client = port.connect();
    expect(await client.reply()).toBe(GREETING);
    await client.ask("AUTH fwadmin wrong");
    expect(await attached(scene)).toBe(0);
    expect(await fetchPage(lab.box, lab.peer.address.ipv4)).toBe("passed");
  });

  test.each(ways)("%s: unattended_action decides again", async (_when, leave) => {
    const scene = await begin(lab.box, { config: { ...ASK, unattended_action: "ACCEPT" } });
    const [client, other] = [await port.authenticated(), await port.authenticated()];
    // Twice the same client counts once.
    await other.ask("AUTH fwadmin fwpass");
    expect(await attached(scene)).toBe(2);
    leave(client);
    await expect.poll(() => attached(scene)).toBe(1);
    leave(other);
    await expect.poll(() => attached(scene)).toBe(0);
    expect(await fetchPage(lab.box, lab.peer.address.ipv4)).toBe("passed");
  });

  test("but the rules that it made go on", async () => {
    await begin(lab.box, { config: ASK });
    const client = await port.authenticated();
    expect(await client.ask(`RULES ADD SESS eth0 outgoing tcp 0/0 0 0/0 80 ACCEPT ${CURL}`)).toBe("OK: RULES ADD\n\n");
    client.write("CLOSE\n");
    expect(await client.rest()).toBe("\n");
    expect(await fetchPage(lab.box, lab.peer.address.ipv4)).toBe("passed");
  });
});

test("DEV tells of the kernel's interfaces, loopback first", async () => {
  await begin(lab.box, { config: ACCOUNT, args: ["--interception", "none"] });
  const client = await port.authenticated();
  const index = async (name: string) =>
    JSON.parse(await lab.box.must(["ip", "-json", "link", "show", "dev", name]))[0].ifindex as number;
  const [lo, eth0] = [await index("lo"), await index("eth0")];
  expect(await client.ask("DEV LIST")).toBe(`[0] lo nlifidx=${lo}\n[1] eth0 nlifidx=${eth0}\n\n`);
  await fetchPage(lab.box, lab.peer.address.ipv4);
  const lines = (await client.ask("DEV STATS eth0")).split("\n");
  expect(lines.slice(0, 3)).toEqual(["DevIndex: [1]", "Interface: [eth0]", `NLIFIndex: [${eth0}]`]);
  const names = ["bytes", "packets", "errs", "drop", "fifo", "frame", "compressed", "multicast"];
  expect(lines.slice(3, -3).map((line) => line.replace(/: \[\d+\]$/, ""))).toEqual(
    ["r", "t"].flatMap((way) => names.map((name) => `${way}${name}`)),
  );
  expect(Number(/^tpackets: \[(\d+)\]$/m.exec(lines.join("\n"))?.[1])).toBeGreaterThan(0);
  expect(lines.slice(-3)).toEqual(["-".repeat(38), "", ""]);
  expect(await client.ask("DEV STATS eth9")).toBe("ERROR: DEV STATS interface [can't find iface=eth9]\n\n");
  expect(await client.ask("DEV STATS")).toBe("usage: DEV STATS interface\n\n");
});
