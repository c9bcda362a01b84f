import { readFile, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { type AppsDocument, EMPTY_APPS, formatApps, parseApps } from "./apps.js";
import { type ConfigDocument, EMPTY_CONFIG, formatConfig, parseConfig } from "./config.js";
import { DirectoryError, FileError } from "./error.js";
import { replaceFile } from "./replace.js";
import { EMPTY_RULES, formatRules, parseRules, type RulesDocument } from "./rules.js";

/** A file as a whole: how its text becomes a document and back. */
type Format<D> = { name: string; empty: D; parse(text: string, file: string): D; format(document: D): string };

const RULES: Format<RulesDocument> = { name: "rules", empty: EMPTY_RULES, parse: parseRules, format: formatRules };
const CONFIG: Format<ConfigDocument> = {
  name: "config",
  empty: EMPTY_CONFIG,
  parse: parseConfig,
  format: formatConfig,
};
const APPS: Format<AppsDocument> = { name: "apps", empty: EMPTY_APPS, parse: parseApps, format: formatApps };
/** The config file holds a password; rules tell which programs a person runs. */
const NEW_FILE_MODE = 0o600;

/**
 * One of our files on disk. Nothing is cached: each change starts from what the disk holds, so an edit made by hand
 * is never lost. Both methods throw a FileError or DirectoryError, and leave the file as it is, where it does not parse.
 */
export type Stored<D> = {
  readonly path: string;
  /** The document on disk; the empty one where there is no file. */
  load(): Promise<D>;
  /** Writes the changed document. Callers run one change at a time. */
  save(document: D): Promise<void>;
};

export const rulesFile = (directory: string): Stored<RulesDocument> => stored(directory, RULES);
export const appsFile = (directory: string): Stored<AppsDocument> => stored(directory, APPS);
export const configFile = (directory: string): Stored<ConfigDocument> => stored(directory, CONFIG);

/** Throws a DirectoryError where the directory of the files is missing or is none. */
export async function checkDirectory(directory: string): Promise<void> {
  try {
    if ((await stat(directory)).isDirectory()) return;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const cause = code === "ENOENT" ? `the directory ${directory} is missing` : `${directory} cannot be read (${code})`;
    throw new DirectoryError(`${cause}; make it with sudo mkdir -p ${directory}, or name another --config-dir`);
  }
  throw new DirectoryError(`${directory} is no directory; name another --config-dir`);
}

function stored<D>(directory: string, format: Format<D>): Stored<D> {
  const path = join(directory, format.name);
  return {
    path,
    async load() {
      try {
        return format.parse(decode(await readFile(path), path), path);
      } catch (error) {
        if (error instanceof FileError) throw error;
        const { code } = error as NodeJS.ErrnoException;
        if (code !== "ENOENT") throw new FileError({ file: path }, `cannot be read (${code})`, "a readable file");
        await checkDirectory(directory);
        return format.empty;
      }
    },
    async save(document) {
      try {
        await replaceFile(path, format.format(document), NEW_FILE_MODE);
      } catch (error) {
        const code = (error as NodeJS.ErrnoException).code ?? String(error);
        throw new FileError(
          { file: path },
          `cannot be written (${code})`,
          `a directory ${dirname(path)} with room to write`,
        );
      }
    },
  };
}

/** Text of a file; bytes that are not UTF-8 are refused with their line, because a rewrite would change them. */
function decode(bytes: Buffer, file: string): string {
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  try {
    return decoder.decode(bytes);
  } catch {
    let start = 0;
    for (let line = 1; start < bytes.length; line += 1) {
      const end = bytes.indexOf(0x0a, start);
      const piece = bytes.subarray(start, end < 0 ? bytes.length : end);
      try {
        decoder.decode(piece);
      } catch {
        throw new FileError({ file, line }, "the line is not UTF-8", "text in UTF-8");
      }
      start += piece.length + 1;
    }
    throw new FileError({ file }, "the file is not UTF-8", "text in UTF-8");
  }
}
