import type { Answer } from "../../model/query.js";
import type { Rule } from "../../model/rule.js";
import { safe } from "./sanitize.js";
import { span } from "./time.js";

/** One end of a rule: `any`, `10.0.0.0/8`, `10.0.0.1:443` (a full prefix goes unsaid), `any:443`. */
export function endpointText(endpoint: Rule["source"]): string {
  const isSix = endpoint.host.includes(":");
  const host = safe(endpoint.host.replace(isSix ? /\/128$/ : /\/32$/, ""));
  if (endpoint.ports === "any") return host;
  return isSix ? `[${host}]:${endpoint.ports}` : `${host}:${endpoint.ports}`;
}

/** A rule in one line: `ACCEPT outgoing tcp to 10.0.0.1:443 by /usr/bin/curl`. What is any goes unsaid. */
export function ruleText(rule: Rule): string {
  return [
    rule.action,
    rule.direction === "any" ? "" : rule.direction,
    rule.protocol === "any" ? "" : safe(rule.protocol),
    endsText(rule),
    rule.app === "any" ? "by any program" : `by ${safe(rule.app)}`,
  ]
    .filter(Boolean)
    .join(" ");
}

/** `on eth0 from 10.0.0.0/8 to 10.0.0.1:443`; empty when all of them are any. */
export function endsText(rule: Rule): string {
  const from = endpointText(rule.source);
  const to = endpointText(rule.destination);
  return [
    rule.interface === "any" ? "" : `on ${safe(rule.interface)}`,
    from === "any" ? "" : `from ${from}`,
    to === "any" ? "" : `to ${to}`,
  ]
    .filter(Boolean)
    .join(" ");
}

const DONE = { ACCEPT: "allowed", DROP: "denied", REJECT: "rejected" } as const;

/** `allowed: 2 packets released; rule 12 (session): ACCEPT outgoing tcp to ...` */
export function answeredText(action: Answer["action"], released: number, rule: Rule | null, now: number): string {
  const packets = `${released} ${released === 1 ? "packet" : "packets"} ${action === "ACCEPT" ? "released" : "refused"}`;
  const made = rule === null ? "no rule made" : madeText(rule, now);
  return `${DONE[action]}: ${packets}; ${made}`;
}

/** `rule 12 (session): ACCEPT outgoing tcp to ...` */
export function madeText(rule: Rule, now: number): string {
  return `rule ${rule.id} (${lifetimeText(rule, now)}): ${ruleText(rule)}`;
}

/** How long a rule lives: `permanent`, `session`, `for 59m 3s`, `pid 4242`. */
export function lifetimeText(rule: Rule, now: number): string {
  if (rule.lifetime === "until" && rule.expiresAt !== undefined)
    return `for ${span(Math.ceil((rule.expiresAt - now) / 1000) * 1000)}`;
  if (rule.lifetime === "process" && rule.process !== undefined) return `pid ${rule.process.pid}`;
  return rule.lifetime;
}
