import {
  type AppState,
  type AppsDocument,
  FileError,
  type KnownApp,
  lookAt,
  measure,
  type Stored,
} from "../../files/index.js";
import type { ChangedApp } from "../../native/index.js";
import type { Log } from "../log.js";
import { type Entry, firstEntry, judge, knownOf, MISSING, targetOf } from "./entry.js";

/** Looks read a file at most this often, in ms: one that is written all the time must not keep us busy. */
export const READ_EVERY_MS = 2_000;

export type RegisterParts = { file: Stored<AppsDocument>; state: AppState; log: Log };

/** The registered programs, and what their files hold. */
export class Register {
  #entries = new Map<string, Entry>();
  readonly #parts: RegisterParts;

  private constructor(parts: RegisterParts) {
    this.#parts = parts;
  }

  /** Reads both files, and looks at each program without reading it. Throws a FileError for a broken apps file. */
  static async load(parts: RegisterParts, nextRule: number): Promise<Register> {
    const register = new Register(parts);
    await register.adopt(await parts.file.load(), nextRule);
    return register;
  }

  get entries(): readonly Entry[] {
    return [...this.#entries.values()];
  }

  find(path: string): Entry | undefined {
    return this.#entries.get(path);
  }

  set(entry: Entry): void {
    this.#entries.set(entry.registered.path, entry);
  }

  delete(path: string): void {
    this.#entries.delete(path);
  }

  /** Takes in what the file says now; a program whose registration is the same keeps what is known of it. */
  async adopt(document: AppsDocument, nextRule: number): Promise<void> {
    const known = await this.#known();
    const entries = new Map<string, Entry>();
    for (const app of document.apps) {
      const before = this.#entries.get(app.path);
      const same = before && JSON.stringify(before.registered) === JSON.stringify(app);
      entries.set(app.path, same ? before : await firstEntry(app, known.get(app.path), nextRule));
    }
    this.#entries = entries;
  }

  /** Both names of each: the registered one, and the one by which the kernel knows the program. */
  distrusted(): ChangedApp[] {
    return this.entries
      .filter(({ distrusted }) => distrusted)
      .flatMap(({ registered, target, sinceRule }) =>
        [...new Set([registered.path, target])].map((path) => ({ path, sinceRule })),
      );
  }

  paths(): string[] {
    return this.entries.flatMap(({ registered, target }) => [registered.path, target]);
  }

  /**
   * Looks at a program, and reads its file where it is not the one that was read last; `early` where it was read too short
   * a time ago to be read again.
   */
  async look(entry: Entry, nextRule: () => number): Promise<"same" | "read" | "early"> {
    const { path } = entry.registered;
    const identity = (await lookAt(path))?.identity ?? MISSING;
    if (identity === entry.identity) return "same";
    if (performance.now() - entry.readAt < READ_EVERY_MS) return "early";
    entry.readAt = performance.now();
    const measured = identity === MISSING ? undefined : await measure(path).catch(() => undefined);
    entry.target = await targetOf(path);
    judge(entry, measured, nextRule());
    entry.identity = measured?.identity ?? (identity === MISSING ? MISSING : undefined);
    return "read";
  }

  /** Keeps what is known beside the original's file. A state directory that cannot be written is told, and not fatal. */
  async keep(): Promise<void> {
    const known = new Map<string, KnownApp>();
    for (const entry of this.#entries.values()) {
      const app = knownOf(entry);
      if (app) known.set(entry.registered.path, app);
    }
    await this.#parts.state.save(known).catch((error: unknown) => this.#warn(error));
  }

  async #known(): Promise<Map<string, KnownApp>> {
    return this.#parts.state.load().catch((error: unknown) => {
      this.#warn(error);
      return new Map();
    });
  }

  #warn(error: unknown): void {
    if (!(error instanceof FileError)) throw error;
    this.#parts.log.warning(error.message);
  }
}
