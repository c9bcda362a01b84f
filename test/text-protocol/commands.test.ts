import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createSite, type Daemon, ruleLine, type Site, startDaemon } from "../support/daemon.js";
import { createLab, type Lab } from "../support/netns.js";
import { ACCOUNT, type TextPort, textPort } from "../support/text.js";

let lab: Lab;
let site: Site;
let daemon: Daemon;
let port: TextPort;
beforeAll(async () => {
  lab = await createLab();
  port = await textPort(lab.box);
  // A rule that the original could not have, above and below those of the tests.
  site = await createSite({
    config: ACCOUNT,
    rules: [ruleLine({ action: "REJECT", source: "fd00::/8", port: "1-9" })],
  });
  daemon = await startDaemon(lab.box, site, { args: ["--interception", "none"] });
});
afterAll(async () => {
  await daemon.stop();
  await lab.close();
  await site.remove();
});

const ADD_USAGE = [
  "usage:",
  " RULES ADD SESS iface dir proto srchost srcport dsthost dstport action application",
  " RULES ADD PERM iface dir proto srchost srcport dsthost dstport action application",
  " note: SESSion entry is inserted at the beginning of the rules, ",
  "       PERManent entry at the end",
].join("\n");
const REMOVE_USAGE = "usage:\n RULES REMOVE PERM rule_number\n RULES REMOVE SESS rule_number";
const LONG = `/${"x".repeat(256)}`;

describe("a command that is not right is told so and changes nothing", () => {
  test.each([
    ["RULES ADD SESS eth0 outgoing tcp 0/0 0 0/0 80 ACCEPT", ADD_USAGE],
    ["RULES ADD SESS eth0 outgoing tcp 0/0 0 0/0 80 ACCEPT /x y", ADD_USAGE],
    ["RULES ADD SESS  eth0 outgoing tcp 0/0 0 0/0 80 ACCEPT /x", ADD_USAGE],
    // The first of several that are wrong, in the original's order.
    ["RULES ADD sess eth0 a b c d e f g h", "ERROR: RULES ADD - arg [sess] must be SESS or PERM"],
    ["RULES ADD SESS eth0 any b c d e f g h", "ERROR: RULES ADD - unknown direction [any]:"],
    ["RULES ADD SESS eth0 incoming b c d e f g h", "ERROR: RULES ADD - unknown protocol [b]:"],
    ["RULES ADD SESS eth0 incoming ip c d e f g h", "ERROR: RULES ADD - can't parse cidr src address [c]:"],
    ["RULES ADD SESS eth0 incoming ip 0/0 d e f g h", "ERROR: RULES ADD - can't parse cidr dst address [e]:"],
    ["RULES ADD SESS eth0 incoming ip 0/0 d 0/0 f g h", "ERROR: RULES ADD - src port [d] out of range <0,65535>"],
    [
      "RULES ADD SESS eth0 incoming ip 0/0 65536 0/0 f g h",
      "ERROR: RULES ADD - src port [65536] out of range <0,65535>",
    ],
    ["RULES ADD SESS eth0 incoming ip 0/0 0 0/0 -1 g h", "ERROR: RULES ADD - dst port [-1] out of range <0,65535>"],
    ["RULES ADD SESS eth0 incoming ip 0/0 0 0/0 0 g h", "ERROR: RULES ADD - action uknown [g]"],
    [
      `RULES ADD SESS eth0 incoming ip 0/0 0 0/0 0 drop ${LONG}`,
      `ERROR: RULES ADD - application can't be no longer than 256 characters [${LONG}]`,
    ],
    [
      "RULES ADD SESS eth0 incoming ip 0/0 0 0/0 0 drop h",
      "ERROR: RULES ADD - application must be an absolute path [h]",
    ],
    [
      "RULES ADD SESS a-name-of-16-char incoming ip 0/0 0 0/0 0 drop /x",
      "ERROR: RULES ADD - interface must have 1 to 15 characters [a-name-of-16-char]",
    ],
    [
      "RULES ADD SESS eth0 incoming ip 1.2.3.4/33 0 0/0 0 drop /x",
      "ERROR: RULES ADD - can't parse cidr src address [1.2.3.4/33]:",
    ],
    ["RULES REMOVE SESS", REMOVE_USAGE],
    ["RULES REMOVE LATER 0", REMOVE_USAGE],
    ["RULES REMOVE PERM zero", REMOVE_USAGE],
    ["RULES REMOVE PERM -1", REMOVE_USAGE],
    ["RULES REMOVE PERM 0 1", REMOVE_USAGE],
    ["RULES REMOVE SESS 0", "ERROR: Rule number [0000] not found in SESS rules"],
    ["RULES REMOVE PERM 12345", "ERROR: Rule number [12345] not found in PERM rules"],
    ["CONFIG SET port 65536", "ERROR: Can't change port, must be in range <1024,65535>"],
    ["CONFIG SET port 1023", "ERROR: Can't change port, must be in range <1024,65535>"],
    ["CONFIG SET port x", "ERROR: Can't change port, must be in range <1024,65535>"],
    ["CONFIG SET host localhost", "ERROR: Can't parse host ip address [localhost]"],
    ["CONFIG SET username ", "ERROR: Can't change username, max length = 16"],
    ["CONFIG SET password ", "ERROR: Can't change password, max length = 16"],
    ["CONFIG SET default_input_action ALLOW", "ERROR: Can't change input action to [ALLOW]"],
    ["CONFIG SET query_timeout 1", "ERROR: unknown variable [query_timeout]"],
    ["CONFIG SET __proto__ 1", "ERROR: unknown variable [__proto__]"],
    ["CONFIG SET password a b", "usage:\n CONFIG SET variable value"],
    ["VERSIONS", "Unknown command [VERSIONS]"],
    [" LIST", "Unknown command []"],
    ["\x1b[A", "ERROR: Line is not text"],
  ])("%s", async (line, reply) => {
    const before = [await daemon.client.rules.list.query(), await daemon.client.config.get.query()];
    const client = await port.authenticated();
    expect(await client.ask(line)).toBe(`${reply}\n\n`);
    expect([await daemon.client.rules.list.query(), await daemon.client.config.get.query()]).toEqual(before);
  });

  test("but the empty one, which no empty line follows", async () => {
    const client = await port.authenticated();
    expect(await client.ask("\r\nVERSION")).toBe("Empty command (try LIST)\n0.1\n\n");
  });
});

describe("rules beyond the original's", () => {
  test("are listed in its columns, numbered by their kind, and removed by that number", async () => {
    const client = await port.authenticated();
    const line = (kind: string, source: string, destination: string, port: string, action: string, app: string) =>
      [`[0000] ${kind}`, ...(kind === "SESS" ? ["eth0", "incoming", "udp"] : ["*", "*", "ip"])]
        .concat(source.padEnd(18), "0", destination.padEnd(18), port, action, app.padEnd(33))
        .join("\t");
    expect(await client.ask("RULES ADD SESS eth0 INCOMING Udp 0/0 0 fd00::1 53 Drop /usr/bin/dig")).toBe(
      "OK: RULES ADD\n\n",
    );
    const later = await daemon.client.rules.add.mutate({
      action: "ACCEPT",
      lifetime: "until",
      expiresAt: Date.now() + 60_000,
      app: "unknown",
    });
    const [, first, second, third] = (await client.ask("RULES LIST")).split("\n");
    expect(first).toMatch(/^\[0000\] SESS\t\*\t\*\tip\t.*\tunknown {26}\t\d{10}\t0$/);
    expect(second?.replace(/^\[0001\]/, "[0000]").replace(/\t\d{10}\t0$/, "")).toBe(
      line("SESS", "0/0", "fd00::1/128", "53", "DROP", "/usr/bin/dig"),
    );
    expect(third).toBe(`${line("PERM", "fd00::/8", "0/0", "1-9", "REJECT", "*")}\t0\t0`);
    expect(await client.ask("RULES REMOVE SESS 1")).toBe("OK: Session rule [1, index=1] removed\n\n");
    expect((await daemon.client.rules.list.query()).map(({ id }) => id)[0]).toBe(later.id);
    expect(await client.ask("RULES REMOVE SESS 0")).toBe("OK: Session rule [0, index=0] removed\n\n");
  });
});

test("LASTACTIVITY of a session rule starts with the time at which it was added", async () => {
  const client = await port.authenticated();
  const before = Math.floor(Date.now() / 1000);
  await client.ask("RULES ADD SESS eth0 incoming tcp 0/0 0 0/0 80 ACCEPT /usr/bin/curl");
  const after = Math.floor(Date.now() / 1000);
  const added = Number(/\t(\d{10})\t0\n/.exec(await client.ask("RULES LIST"))?.[1]);
  expect(added).toBeGreaterThanOrEqual(before);
  expect(added).toBeLessThanOrEqual(after);
  await client.ask("RULES REMOVE SESS 0");
});
