import { dropApp, FileError, measure, putApp, UnwritableError } from "../../files/index.js";
import { AppPath, type RegisteredApp } from "../../model/app.js";
import type { Query } from "../../model/query.js";
import type { EventHub } from "../events.js";
import type { Policy } from "../policy.js";
import type { Problems } from "../problems.js";
import { RefusedError } from "../refused.js";
import type { Serial } from "../serial.js";
import { type Entry, freshEntry, shown } from "./entry.js";
import { packageOf, packagesStamp } from "./packages.js";
import { READ_EVERY_MS, type Register, type RegisterParts } from "./register.js";
import { createWatcher } from "./watcher.js";

export { Register } from "./register.js";

/** A change is noticed within 5 s even where inotify says nothing. */
const LOOK_EVERY_MS = 4_000;
/** An upgrade writes a file in several steps. */
const SETTLE_MS = 200;

export type AppsParts = {
  register: Register;
  file: RegisterParts["file"];
  policy: Policy;
  events: EventHub;
  problems: Problems;
  serial: Serial;
};

export type AppChange = "add" | "commit" | "remove";

/** The register of known programs. */
export type Apps = {
  /** Looks now; whether any registered program is not as it was registered. */
  check(): Promise<boolean>;
  /** Looks now; every registered program, in the order of the file. */
  status(): Promise<RegisteredApp[]>;
  /**
   * `add` registers a program as its file is now, also where it is registered already; `commit` accepts the file that a
   * registered one has now; `remove` forgets one. Throws a RefusedError, or a FileError where the apps file is broken.
   */
  change(change: AppChange, path: string): Promise<void>;
  /** As `change`; false where it is not possible. */
  add(path: string): Promise<boolean>;
  commit(path: string): Promise<boolean>;
  remove(path: string): Promise<boolean>;
  /** Says in a query about a changed program which package the new file is from, if one is. */
  explain<T extends Query>(query: T): T;
  /** Reads the apps file again. */
  reload(): Promise<void>;
  stop(): void;
};

export function createApps({ register, file, policy, events, problems, serial }: AppsParts): Apps {
  let looking: Promise<void> | undefined;
  let soon: NodeJS.Timeout | undefined;
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;

  const look = (): Promise<void> => {
    looking ??= lookAtAll().finally(() => {
      looking = undefined;
    });
    return looking;
  };
  /** A look that began before may have passed the file that the caller means. */
  const lookNow = async () => {
    await looking;
    await look();
  };
  const lookAtAll = async () => {
    let learnt = false;
    for (const entry of register.entries) {
      if (stopped) return;
      const before = entry.sha256;
      const found = await register.look(entry, () => policy.nextRule);
      if (found === "early") lookIn(READ_EVERY_MS);
      if (found !== "read") continue;
      learnt ||= entry.sha256 !== before;
      inForce();
    }
    await findPackages();
    tell();
    if (learnt) await register.keep();
  };
  /** The database of the packages may know a new file only a moment after the file has come. */
  const findPackages = async () => {
    const open = register.entries.filter((entry) => entry.distrusted && entry.package === undefined);
    if (open.length === 0) return;
    const stamp = await packagesStamp();
    for (const entry of open) {
      const asked = `${entry.found} ${stamp}`;
      if (stopped || asked === entry.asked) continue;
      entry.asked = asked;
      const content = await measure(entry.registered.path).catch(() => undefined);
      if (content === undefined || content.sha256 !== entry.found) continue;
      entry.package = await packageOf({ path: entry.target, ...(content.md5 !== undefined && { md5: content.md5 }) });
    }
  };
  const inForce = () => {
    if (!stopped) policy.distrust(register.distrusted());
  };
  const tell = () => {
    if (stopped) return;
    for (const entry of register.entries) {
      const app = shown(entry);
      const text = app.changed ? JSON.stringify([app, entry.found]) : undefined;
      if (text !== undefined && text !== entry.told) events.publish({ type: "app-changed", at: Date.now(), app });
      entry.told = text;
    }
    problems.set("apps", problemText(register.entries.map(shown).filter(({ changed }) => changed)));
  };

  const lookIn = (ms: number) => {
    soon ??= setTimeout(() => {
      soon = undefined;
      void look();
    }, ms).unref();
  };
  const watcher = createWatcher(() => lookIn(SETTLE_MS));
  /** After the set of programs has changed. */
  const follow = () => {
    if (stopped) return;
    watcher.follow(register.paths());
    const wanted = register.entries.length > 0;
    if (wanted) timer ??= setInterval(() => void look(), LOOK_EVERY_MS).unref();
    else {
      clearInterval(timer);
      timer = undefined;
    }
    inForce();
    tell();
  };

  const change = (kind: AppChange, path: string) =>
    serial(async () => {
      const document = await file.load();
      await register.adopt(document, policy.nextRule);
      if (kind !== "add" && !register.find(path)) throw notRegistered(path);
      if (kind === "remove") {
        await file.save(dropApp(document, path) ?? document);
        register.delete(path);
      } else {
        const entry = await readProgram(path);
        await file.save(putApp(document, entry.registered));
        register.set(entry);
      }
      await register.keep();
      follow();
    });
  const possible = async (kind: AppChange, path: string): Promise<boolean> => {
    try {
      await change(kind, path);
      return true;
    } catch (error) {
      if ([RefusedError, FileError, UnwritableError].some((type) => error instanceof type)) return false;
      throw error;
    }
  };

  follow();
  void look();
  return {
    async check() {
      await lookNow();
      return register.entries.some((entry) => shown(entry).changed);
    },
    async status() {
      await lookNow();
      return register.entries.map(shown);
    },
    change,
    add: (path) => possible("add", path),
    commit: (path) => possible("commit", path),
    remove: (path) => possible("remove", path),
    explain(query) {
      if (!query.app.changed) return query;
      const { path } = query.app;
      const entry = register.find(path) ?? register.entries.find(({ target }) => target === path);
      if (entry?.package === undefined) return query;
      return { ...query, app: { ...query.app, changed: { package: entry.package } } };
    },
    async reload() {
      await register.adopt(await file.load(), policy.nextRule);
      follow();
      void look();
    },
    stop() {
      stopped = true;
      clearTimeout(soon);
      clearInterval(timer);
      watcher.close();
    },
  };
}

async function readProgram(path: string): Promise<Entry> {
  const valid = AppPath.safeParse(path);
  if (!valid.success) throw new RefusedError("BAD_REQUEST", valid.error.issues[0]?.message ?? "not a path");
  try {
    return await freshEntry(path, await measure(path));
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw new RefusedError(
      "BAD_REQUEST",
      `${path} cannot be registered (${code ?? message}); name a program's own file`,
    );
  }
}

function notRegistered(path: string): RefusedError {
  return new RefusedError("NOT_FOUND", `${path} is not registered; see \`fwctl apps\`, or add it`);
}

function problemText(changed: readonly RegisteredApp[]): string | undefined {
  if (changed.length === 0) return undefined;
  const [first] = changed;
  const more = changed.length > 1 ? ` and ${changed.length - 1} more` : "";
  const verb = changed.length > 1 ? "have" : "has";
  return `${first?.path}${more} ${verb} changed since registered; see \`fwctl apps\`, accept with \`fwctl apps commit PATH\``;
}
