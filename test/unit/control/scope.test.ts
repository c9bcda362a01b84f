import { describe, expect, test } from "vitest";
import { matches } from "../../../ts/control/matching.js";
import { ruleFromQuery } from "../../../ts/control/scope.js";
import { Answer, type Query } from "../../../ts/model/query.js";
import { RuleFields } from "../../../ts/model/rule.js";

const outgoing: Query = {
  id: 7,
  direction: "outgoing",
  protocol: "tcp",
  interface: "eth0",
  source: { ip: "10.0.0.2", port: 40000 },
  destination: { ip: "192.0.2.1", port: 443 },
  app: { path: "/usr/bin/curl", pid: 12, startTime: 345 },
  since: 0,
  deadline: 60_000,
  count: 1,
};
const incoming: Query = {
  ...outgoing,
  direction: "incoming",
  source: { ip: "2001:db8::9", port: 50000 },
  destination: { ip: "2001:db8::1", port: 22 },
};
const ping: Query = {
  ...outgoing,
  protocol: "icmp",
  source: { ip: "10.0.0.2", port: 0 },
  destination: { ip: "192.0.2.1", port: 0 },
};
const answer = (more: object = {}) => Answer.parse({ id: 7, action: "ACCEPT", ...more });
const any = { host: "any", ports: "any" };

describe("the rule that an answer makes", () => {
  test.each([
    ["exact", outgoing, { host: "10.0.0.2/32", ports: "40000" }, { host: "192.0.2.1/32", ports: "443" }],
    ["exact", incoming, { host: "2001:db8::9/128", ports: "50000" }, { host: "2001:db8::1/128", ports: "22" }],
    ["exact", ping, { host: "10.0.0.2/32", ports: "any" }, { host: "192.0.2.1/32", ports: "any" }],
    ["host", outgoing, any, { host: "192.0.2.1/32", ports: "443" }],
    ["host", incoming, { host: "2001:db8::9/128", ports: "any" }, { host: "any", ports: "22" }],
    ["anywhere", outgoing, any, any],
    ["anywhere", incoming, any, any],
  ])("for scope %s names the right ends", (scope, query, source, destination) => {
    const rule = ruleFromQuery(query, answer({ scope }));
    expect(rule).toMatchObject({ source, destination, interface: "eth0", app: "/usr/bin/curl", lifetime: "session" });
    expect(rule.direction).toBe(query.direction);
    expect(rule.protocol).toBe(query.protocol);
    expect(matches(rule, query)).toBe(true);
  });

  test("names the unknown program as unknown, never as any", () => {
    const query = { ...outgoing, app: { path: "unknown", reason: "gone" } };
    expect(ruleFromQuery(query, answer({ lifetime: "permanent" }))).toMatchObject({
      app: "unknown",
      lifetime: "permanent",
    });
  });

  test("is bound to the process that asks, by its start time too", () => {
    expect(ruleFromQuery(outgoing, answer({ lifetime: "process" })).process).toEqual({ pid: 12, startTime: 345 });
  });

  test("is refused where that process is not known", () => {
    const query = { ...outgoing, app: { path: "unknown" } };
    expect(() => ruleFromQuery(query, answer({ lifetime: "process" }))).toThrow(
      "the process behind query 7 is not known; answer it for the session",
    );
  });

  test("is refused for a path that no rule can name", () => {
    const query = { ...outgoing, app: { path: "/tmp/a\nb" } };
    expect(() => ruleFromQuery(query, answer())).toThrow(/^query 7 makes no rule: program .*; answer it for once$/);
  });
});

describe("whether a rule matches a query", () => {
  test.each([
    [{}, outgoing, true],
    [{ protocol: "udp" }, outgoing, false],
    [{ protocol: "icmp" }, { ...incoming, protocol: "icmpv6" }, true],
    [{ interface: "eth1" }, outgoing, false],
    [{ app: "/bin/sh" }, outgoing, false],
    [{ direction: "incoming" }, outgoing, false],
    [{ destination: { host: "192.0.2.0/24" } }, outgoing, true],
    [{ destination: { host: "192.0.3.0/24" } }, outgoing, false],
    [{ destination: { host: "0.0.0.0/0" } }, incoming, false],
    [{ destination: { host: "2001:db8::/32" } }, incoming, true],
    [{ destination: { host: "2001:db8::/32" } }, outgoing, false],
    [{ destination: { ports: "400-500" } }, outgoing, true],
    [{ destination: { ports: "1-442" } }, outgoing, false],
    [{ source: { ports: "40000" } }, outgoing, true],
  ])("%j", (rule, query, expected) => {
    expect(matches(RuleFields.parse({ action: "ASK", ...rule }), query)).toBe(expected);
  });
});
