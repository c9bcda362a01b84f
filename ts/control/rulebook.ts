import { sameRule } from "../files/index.js";
import type { RuleFields, RuleInput } from "../model/rule.js";

/** A rule with the number that it keeps while it lives. */
export type HeldRule = RuleInput & { id: number };

/** The rules that are in force, numbered from one counter: those of a session, newest first, then the permanent ones. */
export class RuleBook {
  #session: HeldRule[] = [];
  #permanent: HeldRule[] = [];
  #nextId = 1;
  /** For each session rule, when it was added: milliseconds since the epoch. */
  readonly #addedAt = new Map<number, number>();

  constructor(permanent: readonly RuleFields[]) {
    this.adopt(permanent);
  }

  get permanent(): readonly HeldRule[] {
    return this.#permanent;
  }

  get session(): readonly HeldRule[] {
    return this.#session;
  }

  /** The number that the next rule will get: all that are there now have a lower one. */
  get nextId(): number {
    return this.#nextId;
  }

  /** In the order in which they are tried. */
  inOrder(): HeldRule[] {
    return [...this.#session, ...this.#permanent];
  }

  find(id: number): HeldRule | undefined {
    return this.#session.find((rule) => rule.id === id) ?? this.#permanent.find((rule) => rule.id === id);
  }

  addSession(rule: RuleInput): HeldRule {
    const held = this.#number(rule);
    this.#session.unshift(held);
    this.#addedAt.set(held.id, Date.now());
    return held;
  }

  addPermanent(rule: RuleFields, index: number): HeldRule {
    const held = this.#number({ ...rule, lifetime: "permanent" });
    this.#permanent.splice(index, 0, held);
    return held;
  }

  addedAt(id: number): number | undefined {
    return this.#addedAt.get(id);
  }

  remove(id: number): HeldRule | undefined {
    this.#addedAt.delete(id);
    for (const rules of [this.#session, this.#permanent]) {
      const index = rules.findIndex((rule) => rule.id === id);
      if (index >= 0) return rules.splice(index, 1)[0];
    }
    return undefined;
  }

  /** Puts the file's rules in place of the permanent ones. A rule that says what one before said keeps its number. */
  adopt(rules: readonly RuleFields[]): { added: HeldRule[]; removed: HeldRule[]; changed: boolean } {
    const before = this.#permanent;
    // The common case, an unchanged file, costs one comparison a rule.
    if (before.length === rules.length && before.every((rule, index) => sameRule(rules[index], rule))) {
      return { added: [], removed: [], changed: false };
    }
    const known = new Map<string, HeldRule[]>();
    for (const rule of before) {
      const twins = known.get(keyOf(rule));
      if (twins) twins.push(rule);
      else known.set(keyOf(rule), [rule]);
    }
    const added: HeldRule[] = [];
    this.#permanent = rules.map((rule) => {
      const twin = known.get(keyOf(rule))?.shift();
      if (twin) return twin;
      const held = this.#number({ ...rule, lifetime: "permanent" });
      added.push(held);
      return held;
    });
    return { added, removed: [...known.values()].flat(), changed: true };
  }

  #number(rule: RuleInput): HeldRule {
    const id = this.#nextId;
    this.#nextId += 1;
    return { ...rule, id };
  }
}

function keyOf({ action, direction, interface: name, protocol, source, destination, app }: RuleFields): string {
  return JSON.stringify([
    action,
    direction,
    name,
    protocol,
    source.host,
    source.ports,
    destination.host,
    destination.ports,
    app,
  ]);
}
