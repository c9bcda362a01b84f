import { BlockList } from "node:net";
import type { Query } from "../model/query.js";
import type { RuleFields } from "../model/rule.js";
import { portRange } from "../model/text.js";

/** Whether a rule's fields match the first flow of a query. Packets are matched by the addon; this only orders new rules. */
export function matches(rule: RuleFields, query: Query): boolean {
  const is = (field: string, value: string) => field === "any" || field === value;
  return (
    is(rule.direction, query.direction) &&
    is(rule.interface, query.interface) &&
    (is(rule.protocol, query.protocol) || (rule.protocol === "icmp" && query.protocol === "icmpv6")) &&
    is(rule.app, query.app.path) &&
    endMatches(rule.source, query.source) &&
    endMatches(rule.destination, query.destination)
  );
}

function endMatches(field: RuleFields["source"], end: { ip: string; port: number }): boolean {
  const ports = portRange(field.ports);
  if (ports && (end.port < ports.from || end.port > ports.to)) return false;
  return field.host === "any" || contains(field.host, end);
}

function contains(cidr: string, { ip }: { ip: string }): boolean {
  const [address = "", prefix] = cidr.split("/");
  const family = (text: string) => (text.includes(":") ? "ipv6" : "ipv4");
  if (family(address) !== family(ip)) return false;
  const list = new BlockList();
  list.addSubnet(address, Number(prefix), family(address));
  return list.check(ip, family(ip));
}
