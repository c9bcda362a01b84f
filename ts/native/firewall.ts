import type { Config } from "../model/config.js";
import type { Query } from "../model/query.js";
import type { Counters } from "../model/status.js";
import type { Addon } from "./addon.js";
import { type ChangedApp, type NumberedRule, nativePolicy } from "./policy.js";
import { type CoreEvent, eventOrProblem, queryOf, type UserNames } from "./translate.js";

/** `queueCount` 0 is two queues per CPU; `exact` uses the exact layer of attribution where it
 * works; `failOpen` lets pass what finds a queue full. */
export type FirewallOptions = {
  firstQueue: number;
  queueCount: number;
  markMask: number;
  exact: boolean;
  failOpen: boolean;
};
export type RuleUsage = { id: number; hits: number; lastUsed: number | null };
export type CoreEvents = { events: CoreEvent[]; dropped: number; more: boolean };

/**
 * The running firewall in the model's types. Every method after stop() throws an Error whose code is `Stopped`, but for the
 * two that only tell it who listens: clients leave while the daemon stops.
 */
export type Firewall = {
  readonly queueCount: number;
  /** Why the exact layer of attribution is not at work; undefined if it is. */
  readonly exactLayerMissing: string | undefined;
  /** Without the exact layer: whether the kernel tells what becomes of processes. */
  readonly followsProcesses: boolean;
  /** Swaps the whole policy: judges what is parked again, cuts live flows that it forbids and the old one did not. */
  replacePolicy(rules: readonly NumberedRule[], config: Config, changedApps: readonly ChangedApp[]): void;
  setAttached(clients: number): void;
  setVerdictEvents(wanted: boolean): void;
  /** How many packets were released: 0 where the query is not open. */
  answer(queryId: number, verdict: "ACCEPT" | "DROP" | "REJECT"): number;
  queries(): Query[];
  ruleUsage(): RuleUsage[];
  drainEvents(max: number): CoreEvents;
  counters(): Counters;
  stop(): Promise<void>;
};

/** Binds the queues and starts to judge. Throws the addon's Error: one line with cause and remedy. */
export function startFirewall(
  addon: Addon,
  options: FirewallOptions,
  policy: { rules: readonly NumberedRule[]; config: Config; changedApps: readonly ChangedApp[] },
  users: UserNames,
  doorbell: () => void,
): Firewall {
  const first = nativePolicy(policy.rules, policy.config, policy.changedApps);
  const native = addon.Firewall.start(options, first, doorbell);
  let stopped = false;
  return {
    queueCount: native.queueCount,
    exactLayerMissing: native.exactLayerMissing ?? undefined,
    followsProcesses: native.followsProcesses,
    replacePolicy: (rules, config, apps) => void native.replacePolicy(nativePolicy(rules, config, apps)),
    setAttached(clients) {
      if (!stopped) native.setAttached(clients);
    },
    setVerdictEvents(wanted) {
      if (!stopped) native.setVerdictEvents(wanted);
    },
    answer: (queryId, verdict) => native.answer(queryId, verdict),
    queries: () => native.queries().map((query) => queryOf(query, users)),
    ruleUsage: () =>
      native
        .ruleUsage()
        .map(({ id, hits, lastUsedMs }) => ({ id, hits, lastUsed: lastUsedMs === 0 ? null : lastUsedMs })),
    drainEvents(max) {
      const batch = native.drainEvents(max);
      return { ...batch, events: batch.events.map((event) => eventOrProblem(event, users)) };
    },
    counters() {
      const { openQueries: _open, generation: _generation, ...counters } = native.stats();
      return counters;
    },
    stop() {
      stopped = true;
      return native.stop();
    },
  };
}
