import {
  Action,
  AppField,
  DirectionField,
  HostField,
  InterfaceField,
  PortsField,
  ProtocolField,
  type RuleFields,
} from "../model/rule.js";
import { FileError, UnwritableError } from "./error.js";
import { GENERATED, type PassedOver, readLines } from "./lines.js";

/**
 * The file `rules` in the original's format: one permanent rule a line, in the order in which they are tried. The text of
 * every line is kept, so that what a person wrote, comments among it, stands after a rewrite as it stood before.
 */
export type RulesDocument = {
  readonly lines: readonly string[];
  readonly rules: readonly RuleFields[];
  /** For each rule the index of its line. */
  readonly places: readonly number[];
  /** Lines of an original's file that say nothing; they are comments in `lines`. */
  readonly passedOver?: readonly PassedOver[];
};

const SECTION = "rules";
const COLUMNS = 9;
const HEADER = [
  ...GENERATED,
  "# fwdaemon rules",
  "# iface direction       proto   srchost                    srcport dsthost          dstport    action  application",
  `[${SECTION}]`,
];

export const EMPTY_RULES: RulesDocument = { lines: HEADER, rules: [], places: [] };

/** Reads the whole file. `file` is the name that errors carry. Throws a FileError for the first line that does not parse. */
export function parseRules(text: string, file = "rules"): RulesDocument {
  const { lines, content, passedOver } = readLines(text, { section: SECTION, header: HEADER, file }, (line) =>
    parseRuleLine(line.text, { file, line: line.number }),
  );
  return {
    lines,
    rules: content.map(({ value }) => value),
    places: content.map(({ index }) => index),
    ...(passedOver && { passedOver }),
  };
}

/** The file's text; ends with a line end. */
export function formatRules(document: RulesDocument): string {
  return document.lines.map((line) => `${line}\n`).join("");
}

/** Puts a rule at `index` among the rules, or behind all. Throws an UnwritableError for a rule that the format cannot express. */
export function insertRule(document: RulesDocument, rule: RuleFields, index = document.rules.length): RulesDocument {
  const line = formatRuleLine(rule);
  if (!sameRule(readBack(line), rule)) {
    const names = [rule.interface, rule.app].map((name) => JSON.stringify(name)).join(" and ");
    throw new UnwritableError(`the rules file cannot hold ${names} on one line; use any for the odd one`);
  }
  const place = document.places[index] ?? document.lines.length;
  return {
    lines: document.lines.toSpliced(place, 0, line),
    rules: document.rules.toSpliced(index, 0, rule),
    places: document.places.map((at) => (at >= place ? at + 1 : at)).toSpliced(index, 0, place),
  };
}

/** Takes the rule at `index` out, with its line and nothing else. */
export function deleteRule(document: RulesDocument, index: number): RulesDocument {
  const place = document.places[index];
  if (place === undefined) throw new RangeError(`no rule at ${index}`);
  return {
    lines: document.lines.toSpliced(place, 1),
    rules: document.rules.toSpliced(index, 1),
    places: document.places.toSpliced(index, 1).map((at) => (at > place ? at - 1 : at)),
  };
}

/** One line of the section. The program is the rest of the line: its path may contain blanks. */
export function parseRuleLine(text: string, at: { file: string; line: number }): RuleFields {
  const fields: { text: string; column: number }[] = [];
  const word = /[^ \t]+/y;
  const gap = /[ \t]*/y;
  for (let column = 0; fields.length < COLUMNS; ) {
    gap.lastIndex = column;
    column += gap.exec(text)?.[0].length ?? 0;
    if (column >= text.length) break;
    word.lastIndex = column;
    const value = fields.length === COLUMNS - 1 ? text.slice(column) : (word.exec(text)?.[0] ?? "");
    fields.push({ text: value, column: column + 1 });
    column += value.length;
  }
  if (fields.length < COLUMNS) {
    throw new FileError(
      at,
      `the rule has ${fields.length} of ${COLUMNS} fields`,
      "interface direction protocol source port destination port action program",
    );
  }
  const field = <T>(index: number, schema: FieldSchema<T>): T => readField(schema, fields[index]?.text ?? "", at);
  // In the order of the columns, so that the first wrong one is named.
  const networkInterface = field(0, InterfaceField);
  const direction = field(1, DirectionField);
  const protocol = field(2, ProtocolField);
  const source = { host: field(3, HostField), ports: field(4, PortsField) };
  const destination = { host: field(5, HostField), ports: field(6, PortsField) };
  const action = readAction(fields[7]?.text ?? "", at);
  const app = field(8, AppField);
  return { action, direction, interface: networkInterface, protocol, source, destination, app };
}

/** A rule as the original wrote it, any field that is `any` in the original's own spelling. */
export function formatRuleLine(rule: RuleFields): string {
  const any = (value: string, spelling: string) => (value === "any" ? spelling : value);
  return [
    any(rule.interface, "*"),
    any(rule.direction, "*"),
    any(rule.protocol, "ip"),
    any(rule.source.host, "0/0").padEnd(18),
    any(rule.source.ports, "0"),
    any(rule.destination.host, "0/0").padEnd(18),
    any(rule.destination.ports, "0"),
    rule.action,
    any(rule.app, "*").padEnd(33),
  ].join("\t");
}

/** Whether two rules say the same, field by field. */
export function sameRule(a: RuleFields | undefined, b: RuleFields): boolean {
  return a !== undefined && formatRuleLine(a) === formatRuleLine(b);
}

function readBack(line: string): RuleFields | undefined {
  try {
    return parseRules(`[${SECTION}]\n${line}\n`).rules[0];
  } catch (error) {
    if (error instanceof FileError) return undefined;
    throw error;
  }
}

type Issue = { message: string; params?: Record<string, unknown> };
type FieldSchema<T> = {
  safeParse(value: string): { success: true; data: T } | { success: false; error: { issues: readonly unknown[] } };
};

function readField<T>(schema: FieldSchema<T>, text: string, at: { file: string; line: number }): T {
  const result = schema.safeParse(text);
  if (result.success) return result.data;
  const issue = result.error.issues[0] as Issue;
  throw new FileError(
    at,
    String(issue.params?.problem ?? issue.message),
    String(issue.params?.expected ?? "another value"),
  );
}

function readAction(text: string, at: { file: string; line: number }): Action {
  const action = Action.safeParse(text.toUpperCase());
  if (action.success) return action.data;
  throw new FileError(at, `action "${text}" is not known`, `one of ${Action.options.join(", ")}`);
}
