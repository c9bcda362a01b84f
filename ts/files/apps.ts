import { AppPath } from "../model/app.js";
import { FileError, UnwritableError } from "./error.js";
import { type ContentLine, GENERATED, type PassedOver, readLines, trimBlanks } from "./lines.js";

/** A program as the original registered it: `mtime` in seconds since the epoch, `size` in bytes. */
export type AppEntry = { path: string; mtime: number; size: number; checksum: number };

/** The file `apps` in the original's format: one registered program a line. The text of every line is kept. */
export type AppsDocument = {
  readonly lines: readonly string[];
  readonly apps: readonly AppEntry[];
  /** For each program the index of its line. */
  readonly places: readonly number[];
  readonly passedOver?: readonly PassedOver[];
};

const SECTION = "apps";
const HEADER = [
  ...GENERATED,
  "# fwapps settings",
  "# path                                                           mtime       size       chksum ",
  `[${SECTION}]`,
];
const EXPECTED = "path mtime size checksum";
/** The path may contain blanks; the three numbers behind it cannot. */
const LINE = /^(.*?)[ \t]+(-?\d{1,15})[ \t]+(\d{1,15})[ \t]+([0-9a-fA-F]{1,8})$/;

export const EMPTY_APPS: AppsDocument = { lines: HEADER, apps: [], places: [] };

/**
 * The sum of the squares of all bytes, modulo 2^32: the original's checksum. `sum` is that of the bytes before these.
 * It does not see bytes that change places, which is why a SHA-256 is kept beside it.
 */
export function checksum(bytes: Uint8Array, sum = 0): number {
  let total = sum;
  for (const byte of bytes) total = (total + byte * byte) | 0;
  return total >>> 0;
}

/** Reads the whole file. Throws a FileError for the first line that does not parse. */
export function parseApps(text: string, file = "apps"): AppsDocument {
  const { lines, content, passedOver } = readLines(text, { section: SECTION, header: HEADER, file }, parseLine);
  return {
    lines,
    apps: content.map(({ value }) => value),
    places: content.map(({ index }) => index),
    ...(passedOver && { passedOver }),
  };
}

/** The file's text; ends with a line end. */
export function formatApps(document: AppsDocument): string {
  return document.lines.map((line) => `${line}\n`).join("");
}

/** Writes a program in its place, or behind all. Throws an UnwritableError for a path that the format cannot express. */
export function putApp(document: AppsDocument, app: AppEntry): AppsDocument {
  const line = formatAppLine(app);
  if (readBack(line)?.path !== app.path) {
    throw new UnwritableError(`the apps file cannot hold the path ${JSON.stringify(app.path)} on one line; rename it`);
  }
  const index = document.apps.findIndex(({ path }) => path === app.path);
  const place = document.places[index];
  if (place === undefined) {
    return {
      lines: [...document.lines, line],
      apps: [...document.apps, app],
      places: [...document.places, document.lines.length],
    };
  }
  return {
    lines: document.lines.with(place, line),
    apps: document.apps.with(index, app),
    places: document.places,
  };
}

/** Takes a program out, with its line and nothing else; undefined where it is not there. */
export function dropApp(document: AppsDocument, path: string): AppsDocument | undefined {
  const index = document.apps.findIndex((app) => app.path === path);
  const place = document.places[index];
  if (place === undefined) return undefined;
  return {
    lines: document.lines.toSpliced(place, 1),
    apps: document.apps.toSpliced(index, 1),
    places: document.places.toSpliced(index, 1).map((at) => (at > place ? at - 1 : at)),
  };
}

/** `%-64s %-11d %-10d %x `, as the original wrote it, the blank at the end included. */
export function formatAppLine({ path, mtime, size, checksum: sum }: AppEntry): string {
  return `${path.padEnd(64)} ${String(mtime).padEnd(11)} ${String(size).padEnd(10)} ${sum.toString(16)} `;
}

function parseLine(line: ContentLine, file: string, before: readonly AppEntry[]): AppEntry {
  const at = { file, line: line.number };
  const [, path = "", mtime, size, sum = ""] = LINE.exec(line.text) ?? [];
  if (mtime === undefined) throw new FileError(at, "the line is no registered program", EXPECTED);
  if (trimBlanks(path) !== path || !AppPath.safeParse(path).success) {
    throw new FileError(at, `program ${JSON.stringify(path)} is not a path`, "an absolute path");
  }
  if (before.some((app) => app.path === path)) {
    throw new FileError(at, `${JSON.stringify(path)} stands twice`, "each program once");
  }
  return { path, mtime: Number(mtime), size: Number(size), checksum: Number.parseInt(sum, 16) };
}

function readBack(line: string): AppEntry | undefined {
  try {
    return parseApps(`[${SECTION}]\n${line}\n`).apps[0];
  } catch (error) {
    if (error instanceof FileError) return undefined;
    throw error;
  }
}
