import { readFileSync, statSync } from "node:fs";

/** Looks a user's name up by its number; undefined for one that the file does not have. */
export type UserNames = (uid: number) => string | undefined;

/** The third field of each `name:password:number:...` line, as in /etc/passwd and /etc/group; the first name of a number counts. */
export function parseAccounts(text: string): { byNumber: Map<number, string>; byName: Map<string, number> } {
  const byNumber = new Map<number, string>();
  const byName = new Map<string, number>();
  for (const line of text.split("\n")) {
    const [name, , number] = line.split(":");
    if (!name || !number || !/^\d{1,10}$/.test(number) || name.startsWith("#")) continue;
    if (!byNumber.has(Number(number))) byNumber.set(Number(number), name);
    if (!byName.has(name)) byName.set(name, Number(number));
  }
  return { byNumber, byName };
}

/** User names from `path`, read again when the file has changed; whether it has is looked at once a second at most. */
export function userNames(path = "/etc/passwd", now: () => number = Date.now): UserNames {
  let names = new Map<number, string>();
  let changed = Number.NaN;
  let looked = Number.NEGATIVE_INFINITY;
  return (uid) => {
    if (now() - looked >= 1000) {
      looked = now();
      try {
        const { mtimeMs } = statSync(path);
        if (mtimeMs !== changed) {
          names = parseAccounts(readFileSync(path, "utf8")).byNumber;
          changed = mtimeMs;
        }
      } catch {
        // A passwd file that is being replaced: the names known so far still hold.
      }
    }
    return names.get(uid);
  };
}

/** A group's number, or undefined where there is no such group. */
export function groupNumber(name: string, path = "/etc/group"): number | undefined {
  try {
    return parseAccounts(readFileSync(path, "utf8")).byName.get(name);
  } catch {
    return undefined;
  }
}
