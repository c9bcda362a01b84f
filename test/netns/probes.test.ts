import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { createLab, type Lab } from "../support/netns.js";
import { fetchPage, lookUp, type Outcome, openConnections, ping, sendDatagram, serve } from "../support/probes.js";

/** The other suites believe the probes: here the kernel alone decides, and what they say must be so. */
const FAMILIES = [
  { family: "ipv4", tool: "iptables", icmp: "icmp" },
  { family: "ipv6", tool: "ip6tables", icmp: "ipv6-icmp" },
] as const;
const PROBES = [
  { name: "curl", probe: fetchPage, protocol: "tcp" },
  { name: "dig", probe: lookUp, protocol: "udp" },
  { name: "ping", probe: ping, protocol: "icmp" },
] as const;
const RULES: readonly { outcome: Outcome; target: string[]; tcpTarget?: string[] }[] = [
  { outcome: "passed", target: ["ACCEPT"] },
  { outcome: "silence", target: ["DROP"] },
  { outcome: "refused", target: ["REJECT"], tcpTarget: ["REJECT", "--reject-with", "tcp-reset"] },
];

let lab: Lab;
beforeAll(async () => {
  lab = await createLab();
  await serve(lab.peer);
});
afterAll(() => lab.close());
afterEach(async () => {
  for (const { tool } of FAMILIES) await lab.peer.must([tool, "-F"]);
});

describe.each(FAMILIES)("over $family", ({ family, tool, icmp }) => {
  const address = () => lab.peer.address[family];
  const cases = PROBES.flatMap((probe) => RULES.map((rule) => ({ ...probe, ...rule })));

  test.each(cases)("$name sees $outcome", async ({ probe, protocol, outcome, target, tcpTarget }) => {
    const match =
      protocol === "icmp"
        ? ["-p", icmp, `--${icmp === "icmp" ? "icmp" : "icmpv6"}-type`, "echo-request"]
        : ["-p", protocol];
    await lab.peer.must([tool, "-A", "INPUT", ...match, "-j", ...((protocol === "tcp" && tcpTarget) || target)]);
    expect(await probe(lab.box, address())).toBe(outcome);
  });

  test("a held connection echoes, and datagrams of 60,000 bytes come back", async () => {
    const connection = openConnections(lab.box, address());
    await connection.waitFor(/^outcomes {"connected":1}$/m);
    connection.write("hello\n");
    await connection.waitFor(/^data 0 hello$/m);
    await sendDatagram(lab.box, address(), 60_000).waitFor(/^reply 60000$/m);
  });
});
