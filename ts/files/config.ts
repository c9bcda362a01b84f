import { CONFIG_EXPECTED, CONFIG_KEYS, Config, type ConfigKey } from "../model/config.js";
import { FileError, UnwritableError } from "./error.js";
import { type ContentLine, contentLines, GENERATED, splitLines, trimBlanks, withSection } from "./lines.js";

/** The file `config` in the original's format. Every line's text is kept; `places` has the index of each key's line. */
export type ConfigDocument = {
  readonly lines: readonly string[];
  readonly values: Config;
  readonly places: ReadonlyMap<ConfigKey, number>;
};

const SECTION = "settings";
const HEADER = [...GENERATED, "# fwconfig settings", "# key           \t=       value", `[${SECTION}]`];
/** The equals sign stands at this column, reached with tabs of eight. */
const EQUALS_COLUMN = 24;

/** No settings: all defaults. */
export const EMPTY_CONFIG: ConfigDocument = { lines: HEADER, values: Config.parse({}), places: new Map() };

/** Reads the whole file. Keys that are missing have their defaults. Throws a FileError for the first wrong line. */
export function parseConfig(text: string, file = "config"): ConfigDocument {
  const lines = withSection(splitLines(text), SECTION, HEADER);
  const content = contentLines(lines, SECTION, file);
  const places = new Map<ConfigKey, number>();
  const texts: Partial<Record<ConfigKey, string>> = {};
  for (const line of content) {
    const { key, value } = parseSetting(line, file);
    const earlier = places.get(key);
    if (earlier !== undefined) {
      throw new FileError({ file, line: line.number }, `${key} stands twice`, `it once; line ${earlier + 1} has it`);
    }
    places.set(key, line.number - 1);
    texts[key] = value;
  }
  const values = Config.parse(texts);
  return { lines, values, places };
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

function parseSetting(line: ContentLine, file: string): { key: ConfigKey; value: string } {
  const at = { file, line: line.number };
  const equals = line.text.indexOf("=");
  if (equals < 0) throw new FileError(at, `${JSON.stringify(line.text)} has no "="`, "key = value");
  const name = trimBlanks(line.text.slice(0, equals));
  const key = CONFIG_KEYS.find((known) => known === name);
  if (key === undefined)
    throw new FileError(at, `key ${JSON.stringify(name)} is not known`, `one of ${CONFIG_KEYS.join(", ")}`);
  const written = trimBlanks(line.text.slice(equals + 1));
  const value = key.endsWith("_action") ? written.toUpperCase() : written;
  if (!Config.shape[key].safeParse(value).success) {
    // A password is never repeated: the message goes to logs.
    const shown = key === "password" ? "password" : `${key} ${JSON.stringify(written)}`;
    throw new FileError(at, `${shown} is not accepted`, CONFIG_EXPECTED[key]);
  }
  return { key, value };
}
