import { describe, expect, test } from "vitest";
import { Config } from "../../../ts/model/config.js";
import { RuleInput } from "../../../ts/model/rule.js";
import { nativePolicy } from "../../../ts/native/policy.js";
import { eventOrProblem } from "../../../ts/native/translate.js";

const users = (uid: number) => (uid === 1000 ? "joe" : undefined);
const flow = {
  direction: "outgoing" as const,
  protocol: 6,
  interface: "eth0",
  sourceIp: "10.0.0.2",
  sourcePort: 40000,
  destinationIp: "192.0.2.1",
  destinationPort: 443,
};

describe("a policy for the addon", () => {
  const rule = (input: object) =>
    nativePolicy([{ id: 3, ...RuleInput.parse({ action: "DROP", ...input }) }], Config.parse({})).rules[0];

  test.each([
    ["any of everything is absent", {}, { id: 3, action: "DROP", source: {}, destination: {} }],
    [
      "hosts, ports and a protocol are the kernel's numbers",
      { protocol: "udp", source: { host: "10.0.0.0/8" }, destination: { ports: "53-54" } },
      {
        id: 3,
        action: "DROP",
        protocol: 17,
        source: { cidr: "10.0.0.0/8" },
        destination: { fromPort: 53, toPort: 54 },
      },
    ],
    [
      "times are milliseconds",
      { lifetime: "session", idleLimit: 60 },
      { id: 3, action: "DROP", source: {}, destination: {}, idleLimitMs: 60_000 },
    ],
    [
      "a process is its pid and start time",
      { lifetime: "process", process: { pid: 9, startTime: 0 }, app: "unknown" },
      { id: 3, action: "DROP", source: {}, destination: {}, app: "unknown", pid: 9, startTime: 0 },
    ],
  ])("%s", (_name, input, expected) => {
    expect(rule(input)).toEqual(expected);
  });
});

describe("changed programs", () => {
  const apps = [{ path: "/bin/x", sinceRule: 4 }];
  test.each([
    ["ASK", { changedApps: apps, changedAppAction: "ASK" }],
    ["DROP", { changedApps: apps, changedAppAction: "DROP" }],
    ["IGNORE", {}],
  ])("reach the packets as changed_app_action %s says", (changed_app_action, expected) => {
    const { changedApps, changedAppAction } = nativePolicy([], Config.parse({ changed_app_action }), apps);
    expect({ ...(changedApps && { changedApps }), ...(changedAppAction && { changedAppAction }) }).toEqual(expected);
  });
});

describe("an event of the addon", () => {
  test("names the protocol and the user", () => {
    const native = {
      kind: "verdict" as const,
      atMs: 5,
      flow,
      app: { path: "/usr/bin/curl", pid: 9, uid: 1000 },
      verdict: "ACCEPT" as const,
      reason: { kind: "rule" as const, rule: 3 },
    };
    expect(eventOrProblem(native, users)).toEqual({
      type: "verdict",
      at: 5,
      flow: {
        direction: "outgoing",
        protocol: "tcp",
        interface: "eth0",
        source: { ip: "10.0.0.2", port: 40000 },
        destination: { ip: "192.0.2.1", port: 443 },
      },
      app: { path: "/usr/bin/curl", pid: 9, uid: 1000, user: "joe" },
      verdict: "ACCEPT",
      reason: { kind: "rule", rule: 3 },
    });
  });

  test("that lacks a field is told as a problem instead of being lost", () => {
    expect(eventOrProblem({ kind: "flow-cut", atMs: 5 }, users)).toEqual({
      type: "problem",
      at: 5,
      message: "the addon's flow-cut event has no flow",
    });
  });
});
