import { describe, expect, test } from "vitest";
import { iptablesText } from "../../../ts/control/interception/iptables-text.js";
import { nftText } from "../../../ts/control/interception/nft-text.js";
import { buildRuleset } from "../../../ts/control/interception/ruleset.js";

/** The files are what an administrator would see; read a difference there before taking it over with `vitest -u`. */
const CASES = [
  { name: "loopback-exempt-1-queue", exemptLoopback: true, queueCount: 1 },
  { name: "loopback-exempt-2-queues", exemptLoopback: true, queueCount: 2 },
  { name: "loopback-judged-1-queue", exemptLoopback: false, queueCount: 1 },
  { name: "loopback-judged-2-queues", exemptLoopback: false, queueCount: 2 },
  { name: "loopback-exempt-4-queues", exemptLoopback: true, queueCount: 4 },
];

describe.each(CASES)("the rules with $name are the reviewed ones", ({ name, exemptLoopback, queueCount }) => {
  const ruleset = buildRuleset({ backend: "auto", firstQueue: 4, queueCount, markMask: 0x30000000, exemptLoopback });

  test("for nft", async () => {
    await expect(nftText(ruleset)).toMatchFileSnapshot(`golden/${name}.nft`);
  });

  test.each(["ipv4", "ipv6"] as const)("for iptables-restore, %s", async (family) => {
    await expect(iptablesText(ruleset, family)).toMatchFileSnapshot(`golden/${name}.${family}`);
  });
});
