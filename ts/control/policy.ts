import { deleteRule, insertRule, parseRules, type RulesDocument, type Stored } from "../files/index.js";
import type { Config } from "../model/config.js";
import type { Event } from "../model/event.js";
import type { Rule, RuleInput } from "../model/rule.js";
import type { ChangedApp, Firewall } from "../native/index.js";
import type { EventHub } from "./events.js";
import { RefusedError } from "./refused.js";
import type { HeldRule, RuleBook } from "./rulebook.js";
import type { Serial } from "./serial.js";

type RemovedWhy = Extract<Event, { type: "rule-removed" }>["why"];

export type PolicyParts = {
  firewall: Firewall;
  book: RuleBook;
  file: Stored<RulesDocument>;
  config: Config;
  /** The changed programs that the firewall was started with. */
  changedApps: readonly ChangedApp[];
  events: EventHub;
  /** Takes the addon's waiting events, so that a rule that has ended is not put into a new snapshot. */
  settle: () => void;
  /** Shared by everything that changes a file. */
  serial: Serial;
};

/** The rules in force. A change reaches the file first, for a permanent rule, and then the packets. */
export class Policy {
  readonly #parts: PolicyParts;
  #config: Config;
  #changedApps: readonly ChangedApp[];

  constructor(parts: PolicyParts) {
    this.#parts = parts;
    this.#config = parts.config;
    this.#changedApps = parts.changedApps;
  }

  get config(): Config {
    return this.#config;
  }

  get counts(): { session: number; permanent: number } {
    const { session, permanent } = this.#parts.book;
    return { session: session.length, permanent: permanent.length };
  }

  /** The number that the next rule will get. */
  get nextRule(): number {
    return this.#parts.book.nextId;
  }

  /** All rules with their use, in the order in which they are tried. */
  list(): Rule[] {
    this.#parts.settle();
    const usage = new Map(this.#parts.firewall.ruleUsage().map((use) => [use.id, use]));
    return this.#parts.book.inOrder().map((rule) => shown(rule, usage.get(rule.id)));
  }

  /** When a session rule was added, in milliseconds since the epoch; undefined for a permanent one. */
  addedAt(id: number): number | undefined {
    return this.#parts.book.addedAt(id);
  }

  /**
   * Adds a rule: one of a session before all others, a permanent one behind all, or where `place` says. Throws a
   * RefusedError for a life that makes no sense, and a FileError where the rules file is broken or cannot be written.
   */
  async add(input: RuleInput, place?: (permanent: readonly HeldRule[]) => number): Promise<Rule> {
    const rule = withLife(input, this.#config);
    if (rule.lifetime !== "permanent") return this.#added(this.#parts.book.addSession(rule));
    const { book, file, serial } = this.#parts;
    return serial(async () => {
      const document = this.#takeIn(await file.load());
      const index = place?.(book.permanent) ?? book.permanent.length;
      await file.save(insertRule(document, rule, index));
      return this.#added(book.addPermanent(rule, index));
    });
  }

  /** Takes a rule away. Throws a RefusedError where there is none of this number. */
  async remove(id: number): Promise<Rule> {
    const { book, file, serial } = this.#parts;
    if (book.session.some((rule) => rule.id === id)) return this.#removed(id);
    return serial(async () => {
      if (!book.permanent.some((rule) => rule.id === id)) throw noRule(id);
      const document = this.#takeIn(await file.load());
      const index = book.permanent.findIndex((rule) => rule.id === id);
      // Somebody took it out of the file by hand a moment ago.
      if (index < 0) throw noRule(id);
      await file.save(deleteRule(document, index));
      return this.#removed(id);
    });
  }

  /** The addon stopped matching a rule by itself. */
  expire(id: number, why: "idle" | "expired" | "quit"): void {
    const rule = this.#parts.book.remove(id);
    if (rule) this.#publishRemoved(rule, why);
  }

  /**
   * How many rules a rules file with this text would have; without a text, how many the daemon's file has as it is on disk
   * now. Throws a FileError, named `rules:LINE` for a text and by its path for the file.
   */
  async check(text?: string): Promise<number> {
    const document = text === undefined ? await this.#parts.file.load() : parseRules(text);
    // Who checks a file wants to know what is wrong in it, whether or not it is passed over.
    const [wrong] = document.passedOver ?? [];
    if (wrong) throw wrong;
    return document.rules.length;
  }

  /** Puts other settings into force. */
  configure(config: Config): void {
    this.#config = config;
    this.#apply();
  }

  /** Which programs are not what was registered: the rules of before do not allow them any more. */
  distrust(apps: readonly ChangedApp[]): void {
    if (JSON.stringify(apps) === JSON.stringify(this.#changedApps)) return;
    this.#changedApps = apps;
    this.#apply();
  }

  /** Puts what a reload found into force, in one swap. */
  reload(config: Config, document: RulesDocument): void {
    this.#config = config;
    this.#adopt(document);
    this.#apply();
  }

  /** The rules file may have been edited since: what it says now counts, before anything is changed in it. */
  #takeIn(document: RulesDocument): RulesDocument {
    if (this.#adopt(document)) this.#apply();
    return document;
  }

  #adopt(document: RulesDocument): boolean {
    const { added, removed, changed } = this.#parts.book.adopt(document.rules);
    for (const rule of removed) this.#publishRemoved(rule, "reload");
    for (const rule of added) this.#publishAdded(rule);
    return changed;
  }

  #added(rule: HeldRule): Rule {
    this.#apply();
    return this.#publishAdded(rule);
  }

  #removed(id: number): Rule {
    const rule = this.list().find((each) => each.id === id);
    const held = this.#parts.book.remove(id);
    if (!rule || !held) throw noRule(id);
    this.#apply();
    this.#publishRemoved(held, "user", rule);
    return rule;
  }

  #apply(): void {
    this.#parts.settle();
    this.#parts.firewall.replacePolicy(this.#parts.book.inOrder(), this.#config, this.#changedApps);
  }

  #publishAdded(held: HeldRule): Rule {
    const rule = shown(held);
    this.#parts.events.publish({ type: "rule-added", at: Date.now(), rule });
    return rule;
  }

  #publishRemoved(held: HeldRule, why: RemovedWhy, rule: Rule = shown(held)): void {
    this.#parts.events.publish({ type: "rule-removed", at: Date.now(), rule, why });
  }
}

function shown(rule: HeldRule, use?: { hits: number; lastUsed: number | null }): Rule {
  return { ...rule, hits: use?.hits ?? 0, lastUsed: use?.lastUsed ?? null };
}

function noRule(id: number): RefusedError {
  return new RefusedError("NOT_FOUND", `there is no rule ${id}; the list of rules shows their numbers`);
}

/** Each lifetime takes its own limit and no other's; only a session's has a default. */
function withLife(input: RuleInput, config: Config): RuleInput {
  const { lifetime, idleLimit, expiresAt, process } = input;
  const refuse = (message: string) => new RefusedError("BAD_REQUEST", message);
  if (idleLimit !== undefined && lifetime !== "session") {
    throw refuse(`idleLimit does not go with a ${lifetime} rule; it is for session rules`);
  }
  if (expiresAt !== undefined && lifetime !== "until") {
    throw refuse(`expiresAt does not go with a ${lifetime} rule; it is for until rules`);
  }
  if (process !== undefined && lifetime !== "process") {
    throw refuse(`a process does not go with a ${lifetime} rule; it is for process rules`);
  }
  if (lifetime === "until" && expiresAt === undefined) throw refuse("an until rule has no end; give expiresAt");
  if (lifetime === "until" && (expiresAt ?? 0) <= Date.now())
    throw refuse("expiresAt is in the past; give a later time");
  if (lifetime === "process" && process === undefined)
    throw refuse("a process rule has no process; give pid and startTime");
  return lifetime === "session" ? { ...input, idleLimit: idleLimit ?? config.session_idle } : input;
}
