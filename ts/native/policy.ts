import type { NativeEndpoint, NativePolicy, NativeRule } from "../../bindings/index.js";
import type { Config } from "../model/config.js";
import type { RuleInput } from "../model/rule.js";
import { portRange, protocolNumber } from "../model/text.js";

/** A rule of the snapshot: what it says, how long it lives, and the number by which the addon reports it. */
export type NumberedRule = RuleInput & { id: number };

/** A program whose file has changed: rules with numbers below `sinceRule` do not allow it. */
export type ChangedApp = { path: string; sinceRule: number };

/** The whole policy in the addon's types. `rules` stand in the order in which they are tried. */
export function nativePolicy(
  rules: readonly NumberedRule[],
  config: Config,
  changedApps: readonly ChangedApp[] = [],
): NativePolicy {
  const action = config.changed_app_action;
  return {
    rules: rules.map(nativeRule),
    defaultIncoming: config.default_input_action,
    defaultOutgoing: config.default_output_action,
    unattended: config.unattended_action,
    queryTimeoutMs: config.query_timeout * 1000,
    overflow: config.overflow_action,
    ...(action !== "IGNORE" && { changedApps: [...changedApps], changedAppAction: action }),
  };
}

function nativeRule(rule: NumberedRule): NativeRule {
  const native: NativeRule = {
    id: rule.id,
    action: rule.action,
    source: nativeEndpoint(rule.source),
    destination: nativeEndpoint(rule.destination),
  };
  if (rule.direction !== "any") native.direction = rule.direction;
  if (rule.interface !== "any") native.interface = rule.interface;
  const protocol = protocolNumber(rule.protocol);
  if (protocol !== undefined) native.protocol = protocol;
  if (rule.app !== "any") native.app = rule.app;
  if (rule.idleLimit !== undefined) native.idleLimitMs = rule.idleLimit * 1000;
  if (rule.expiresAt !== undefined) native.expiresAtMs = rule.expiresAt;
  if (rule.process !== undefined) {
    native.pid = rule.process.pid;
    native.startTime = rule.process.startTime;
  }
  return native;
}

function nativeEndpoint(endpoint: RuleInput["source"]): NativeEndpoint {
  const native: NativeEndpoint = {};
  if (endpoint.host !== "any") native.cidr = endpoint.host;
  const ports = portRange(endpoint.ports);
  if (ports !== undefined) {
    native.fromPort = ports.from;
    native.toPort = ports.to;
  }
  return native;
}
