import type { Event } from "../model/event.js";
import type { Answer, Query } from "../model/query.js";
import type { Rule } from "../model/rule.js";
import type { Firewall } from "../native/index.js";
import type { EventHub } from "./events.js";
import { matches } from "./matching.js";
import type { Policy } from "./policy.js";
import { RefusedError } from "./refused.js";
import { ruleFromQuery } from "./scope.js";

export type QueriesParts = {
  firewall: Firewall;
  policy: Policy;
  events: EventHub;
  settle: () => void;
  /** Adds to a query what is known of its program. */
  explain: (query: Query) => Query;
};

/** The open questions, and the clients that are there to answer them. */
export type Queries = {
  list(): Query[];
  /**
   * Makes the rule, puts it into force, and releases the query. `released` is the number of packets. Throws a RefusedError
   * for a query that is not open, and as `Policy.add` does; the query then stays open.
   */
  answer(answer: Answer): Promise<{ released: number; rule: Rule | null }>;
  /** `query-*` events, the open ones first, and `events-dropped`; whoever iterates counts as attached. */
  watch(signal?: AbortSignal): AsyncGenerator<Event>;
  /** Counts one more client as attached, until the returned function is called. */
  attach(): () => void;
  readonly attached: number;
};

export function createQueries({ firewall, policy, events, settle, explain }: QueriesParts): Queries {
  const list = () => firewall.queries().map(explain);
  let attached = 0;
  const count = (by: number) => {
    attached += by;
    firewall.setAttached(attached);
  };
  const attach = () => {
    let here = true;
    count(1);
    return () => {
      if (here) count(-1);
      here = false;
    };
  };
  return {
    list,
    async answer(answer) {
      const query = firewall.queries().find(({ id }) => id === answer.id);
      if (!query) throw notOpen(answer.id);
      if (answer.lifetime === "once") {
        const released = firewall.answer(query.id, answer.action);
        if (released === 0) throw notOpen(query.id);
        return { released, rule: null };
      }
      const rule = await policy.add(ruleFromQuery(query, answer), (permanent) => {
        // Behind the rule that asks, or that allowed the program before it changed, the answer would never be reached.
        const asks = permanent.findIndex(
          (each) => (each.action === "ASK" || query.app.changed) && matches(each, query),
        );
        return asks < 0 ? permanent.length : asks;
      });
      // The new rule has released the query where it matches; this does where an earlier session rule stands before it.
      const released = firewall.answer(query.id, answer.action);
      return { released: released === 0 ? query.count : released, rule };
    },
    watch(signal) {
      settle();
      const subscription = events.subscribe(["query-opened", "query-updated", "query-closed"], signal);
      const detach = attach();
      // Called when the iteration ends, and when the client goes before it has begun.
      const leave = () => {
        signal?.removeEventListener("abort", leave);
        subscription.close();
        detach();
      };
      if (signal?.aborted) leave();
      else signal?.addEventListener("abort", leave);
      return tell(list(), subscription, leave);
    },
    attach,
    get attached() {
      return attached;
    },
  };
}

async function* tell(open: readonly Query[], later: AsyncIterable<Event>, leave: () => void): AsyncGenerator<Event> {
  try {
    const told = new Set(open.map(({ id }) => id));
    for (const query of open) yield { type: "query-opened", at: query.since, query };
    for await (const event of later) {
      // Opened between the subscription and the list: told already.
      if (event.type === "query-opened" && told.delete(event.query.id)) continue;
      yield event;
    }
  } finally {
    leave();
  }
}

function notOpen(id: number): RefusedError {
  return new RefusedError("NOT_FOUND", `query ${id} is not open (answered or expired)`);
}
