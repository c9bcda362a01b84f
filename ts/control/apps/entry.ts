import { realpath } from "node:fs/promises";
import { type AppEntry, type KnownApp, lookAt, type Measurement } from "../../files/index.js";
import type { RegisteredApp } from "../../model/app.js";

/** A registered program, and what was last seen of its file. */
export type Entry = {
  readonly registered: AppEntry;
  /** The SHA-256 of the content that was registered; undefined until it could be learnt. */
  sha256: string | undefined;
  /** How the file looked when it was last judged: `missing` where there was none, undefined before the first time. */
  identity: string | undefined;
  /** The SHA-256 of what was last found; `missing` where nothing could be read. */
  found: string | undefined;
  /** When it was last read for a look of our own, in ms of the monotonic clock. */
  readAt: number;
  /** Where the path leads: what the kernel calls the program. */
  target: string;
  differs: { mtime: boolean; size: boolean; checksum: boolean };
  /** Its content is not the registered one, or may not be. */
  distrusted: boolean;
  /** The first rule number after that was noticed. */
  sinceRule: number;
  package: string | undefined;
  /** For which content, in which state of their database, the packages were last asked. */
  asked: string | undefined;
  /** What was last told of it. */
  told: string | undefined;
};

export const MISSING = "missing";
const ALL = { mtime: true, size: true, checksum: true };
const NONE = { mtime: false, size: false, checksum: false };

/**
 * An entry judged by a look alone, before packets come: the same file as it was known is trusted; another one is not until
 * it has been read. Of an old installation nothing is known beyond what the original compared.
 */
export async function firstEntry(registered: AppEntry, known: KnownApp | undefined, nextRule: number): Promise<Entry> {
  const look = await lookAt(registered.path);
  const own = known && isOf(known, registered) ? known : undefined;
  const differs = look ? { ...NONE, mtime: look.mtime !== registered.mtime, size: look.size !== registered.size } : ALL;
  const same = own !== undefined && own.identity === look?.identity;
  const asOriginal = own === undefined && !differs.mtime && !differs.size && look !== undefined;
  return {
    registered,
    sha256: own?.sha256,
    identity: same ? look?.identity : undefined,
    found: same ? own.sha256 : undefined,
    readAt: Number.NEGATIVE_INFINITY,
    target: await targetOf(registered.path),
    differs,
    distrusted: !same && !asOriginal,
    sinceRule: nextRule,
    package: undefined,
    asked: undefined,
    told: undefined,
  };
}

/** An entry just registered with this content. */
export async function freshEntry(path: string, measured: Measurement): Promise<Entry> {
  const { mtime, size, checksum, sha256, identity } = measured;
  return {
    registered: { path, mtime, size, checksum },
    sha256,
    identity,
    found: sha256,
    readAt: Number.NEGATIVE_INFINITY,
    target: await targetOf(path),
    differs: NONE,
    distrusted: false,
    sinceRule: 0,
    package: undefined,
    asked: undefined,
    told: undefined,
  };
}

/** Judges an entry by what its file holds now; undefined is a file that is gone or cannot be read. */
export function judge(entry: Entry, measured: Measurement | undefined, nextRule: number): void {
  const { registered } = entry;
  const differs = measured
    ? {
        mtime: measured.mtime !== registered.mtime,
        size: measured.size !== registered.size,
        checksum:
          measured.checksum !== registered.checksum || (entry.sha256 !== undefined && measured.sha256 !== entry.sha256),
      }
    : ALL;
  const found = measured?.sha256 ?? MISSING;
  const content = differs.size || differs.checksum;
  // Without a SHA-256 of before, a file written since may be another one with the same checksum.
  const distrusted = content || (entry.sha256 === undefined && differs.mtime);
  if (distrusted && found !== entry.found) {
    // What was answered about one content does not count for the next one; a first look has asked with its own number.
    if (entry.found !== undefined || !entry.distrusted) entry.sinceRule = nextRule;
    entry.package = undefined;
  }
  if (!distrusted) {
    if (measured) entry.sha256 ??= measured.sha256;
    entry.package = undefined;
  }
  entry.found = found;
  entry.differs = differs;
  entry.distrusted = distrusted;
}

export function shown({ registered, differs, package: owner }: Entry): RegisteredApp {
  const changed = differs.mtime || differs.size || differs.checksum;
  return { path: registered.path, changed, ...differs, ...(owner !== undefined && { package: owner }) };
}

/** What the state file keeps of an entry; undefined until its content is known. */
export function knownOf({ registered, sha256, found, identity }: Entry): KnownApp | undefined {
  if (sha256 === undefined) return undefined;
  const { mtime, size, checksum } = registered;
  // A changed file keeps no identity: at the next start it is read again.
  return { mtime, size, checksum, sha256, identity: found === sha256 ? (identity ?? "") : "" };
}

export async function targetOf(path: string): Promise<string> {
  return realpath(path).catch(() => path);
}

function isOf(known: KnownApp, { mtime, size, checksum }: AppEntry): boolean {
  return known.mtime === mtime && known.size === size && known.checksum === checksum;
}
