import { readFile } from "node:fs/promises";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createLab, type Lab } from "../support/netns.js";
import { begin } from "../support/scene.js";
import { ACCOUNT, GREETING, type TextPort, textPort } from "../support/text.js";

const COMMANDS = [
  "LIST",
  "CONFIG SET password mine",
  "CONFIG SET default_output_action ACCEPT",
  "RULES ADD PERM eth0 outgoing tcp 0/0 0 0/0 80 ACCEPT /usr/bin/curl",
  "RULES REMOVE PERM 0",
  "QUERY ADD PERM 1 ANYWHERE",
  "APPS ADDCOMMITED /bin/sh",
  "AUTH",
  "AUTH fwadmin",
];
/** All that a client without AUTH may ever be told, as bytes; the last two are telnet's refusals. */
const TOLD = [
  "ERROR: Not authenticated\\n\\n",
  "ERROR: Not authenticated\\nERROR: Too many commands without AUTH\\n\\n",
  "ERROR: Line is not text\\n\\n",
  "ERROR: Line is not text\\nERROR: Too many commands without AUTH\\n\\n",
  "ERROR: Line too long, max length = 4096\\n\\n",
  "usage: AUTH username password\\n\\n",
  "\\n",
  "\\xff\\xfc[^]",
  "\\xff\\xfe[^]",
];
const TOLD_ONLY = new RegExp(`^${GREETING}(${TOLD.join("|")})*$`);

const bytes = (text: string) => new Uint8Array(Buffer.from(text));
const piece = fc.oneof(
  fc.uint8Array({ maxLength: 100 }),
  fc.constantFrom(...COMMANDS, "CLOSE").map(bytes),
  fc
    .constantFrom("\n", "\r\n", "\r", "\0", " ", "\x1b[A", "x".repeat(4096), "x".repeat(5000), "\n".repeat(150))
    .map(bytes),
  fc
    .constantFrom([255], [255, 253, 6], [255, 251], [255, 250, 1], [255, 240], [255, 255])
    .map((raw) => Uint8Array.from(raw)),
);

let lab: Lab;
let port: TextPort;
beforeAll(async () => {
  lab = await createLab();
  port = await textPort(lab.box);
});
afterAll(() => lab.close());

test("no bytes crash or hang the daemon, change anything, or disturb another client, without AUTH", async () => {
  const { site, daemon } = await begin(lab.box, { config: ACCOUNT, args: ["--interception", "none"] });
  const other = await port.authenticated();
  const state = async () => ({
    config: await readFile(join(site.configDir, "config"), "utf8"),
    rules: [await daemon.client.rules.list.query(), await site.rulesFile()],
    settings: await daemon.client.config.get.query(),
    apps: await other.ask("APPS STATUS"),
    attached: (await daemon.client.status.get.query()).attachedClients,
  });
  const before = await state();
  const ways = fc.constantFrom("ends" as const, "is lost" as const);
  await fc.assert(
    fc.asyncProperty(fc.array(piece, { maxLength: 12 }), ways, async (pieces, way) => {
      const client = port.connect();
      client.socket.setEncoding("latin1");
      for (const each of pieces) client.write(each);
      if (way === "ends") {
        client.socket.end();
        expect(await client.rest()).toMatch(TOLD_ONLY);
      } else {
        client.lose();
      }
      expect(await other.ask("VERSION")).toBe("0.1\n\n");
      expect(await state()).toEqual(before);
    }),
    { numRuns: 150 },
  );
  expect((await daemon.stop()).stderr).not.toMatch(/^error/m);
});
