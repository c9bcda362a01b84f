import { CONFIG_EXPECTED, CONFIG_KEYS, Config, type ConfigKey } from "../model/config.js";
import { FileError, UnwritableError } from "./error.js";
import { type ContentLine, GENERATED, type PassedOver, readLines, trimBlanks } from "./lines.js";

/** The file `config` in the original's format. Every line's text is kept; `places` has the index of each key's line. */
export type ConfigDocument = {
  readonly lines: readonly string[];
  readonly values: Config;
  readonly places: ReadonlyMap<ConfigKey, number>;
  /** Lines of an original's file that say nothing; they are comments in `lines`. */
  readonly passedOver?: readonly PassedOver[];
};

const SECTION = "settings";
const HEADER = [...GENERATED, "# fwconfig settings", "# key           \t=       value", `[${SECTION}]`];
/** The equals sign stands at this column, reached with tabs of eight. */
const EQUALS_COLUMN = 24;

/** No settings: all defaults. */
export const EMPTY_CONFIG: ConfigDocument = { lines: HEADER, values: Config.parse({}), places: new Map() };

/**
 * Reads the whole file. Keys that are missing have their defaults. Throws a FileError for the first wrong line; a key that
 * is known and a value that is not are wrong in an original's file too, since what it did with them is not known.
 */
export function parseConfig(text: string, file = "config"): ConfigDocument {
  const layout = { section: SECTION, header: HEADER, file };
  const { lines, content, passedOver } = readLines(text, layout, parseSetting);
  const places = new Map<ConfigKey, number>();
  const texts: Partial<Record<ConfigKey, string>> = {};
  for (const { index, value: setting } of content) {
    const at = { file, line: index + 1 };
    const earlier = places.get(setting.key);
    if (earlier !== undefined) {
      throw new FileError(at, `${setting.key} stands twice`, `it once; line ${earlier + 1} has it`);
    }
    places.set(setting.key, index);
    texts[setting.key] = checkedValue(setting, at);
  }
  return { lines, values: Config.parse(texts), places, ...(passedOver && { passedOver }) };
}

/** The file's text; ends with a line end. */
export function formatConfig(document: ConfigDocument): string {
  return document.lines.map((line) => `${line}\n`).join("");
}

/**
 * Writes one value in its place, or behind all. Throws a FileError for a value that the key does not take, and
 * an UnwritableError for one that the file cannot hold.
 */
export function setConfig(document: ConfigDocument, key: ConfigKey, value: string): ConfigDocument {
  const place = document.places.get(key);
  const old = place === undefined ? undefined : document.lines[place];
  const head = old === undefined ? formatKey(key) : (/^[^=]*=[ \t]*/.exec(old)?.[0] ?? formatKey(key));
  const line = `${head}${value}`;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what must not pass here
  const readable = !/[\u0000-\u001f\u007f]/.test(value) && trimBlanks(value) === value;
  if (!readable) {
    const plain = "use one without control characters, and without blanks at its ends";
    throw new UnwritableError(`the config file cannot hold this ${key}; ${plain}`);
  }
  const lines = place === undefined ? [...document.lines, line] : document.lines.with(place, line);
  return parseConfig(lines.map((each) => `${each}\n`).join(""));
}

/** `key<tabs>=<tab>`, as the original wrote it. */
function formatKey(key: ConfigKey): string {
  const tabs = Math.max(1, Math.ceil((EQUALS_COLUMN - key.length) / 8));
  return `${key}${"\t".repeat(tabs)}=\t`;
}

type Setting = { key: ConfigKey; written: string };

function parseSetting(line: ContentLine, file: string): Setting {
  const at = { file, line: line.number };
  const equals = line.text.indexOf("=");
  if (equals < 0) {
    // The line may hold the password behind its key, and the message goes to logs.
    const shown = line.text.startsWith("password") ? "the line of the password" : JSON.stringify(line.text);
    throw new FileError(at, `${shown} has no "="`, "key = value");
  }
  const name = trimBlanks(line.text.slice(0, equals));
  const key = CONFIG_KEYS.find((known) => known === name);
  if (key === undefined)
    throw new FileError(at, `key ${JSON.stringify(name)} is not known`, `one of ${CONFIG_KEYS.join(", ")}`);
  return { key, written: trimBlanks(line.text.slice(equals + 1)) };
}

function checkedValue({ key, written }: Setting, at: { file: string; line: number }): string {
  const value = key.endsWith("_action") ? written.toUpperCase() : written;
  if (Config.shape[key].safeParse(value).success) return value;
  // A password is never repeated: the message goes to logs.
  const shown = key === "password" ? "password" : `${key} ${JSON.stringify(written)}`;
  throw new FileError(at, `${shown} is not accepted`, CONFIG_EXPECTED[key]);
}
