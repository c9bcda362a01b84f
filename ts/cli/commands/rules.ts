import type { Rule } from "../../model/rule.js";
import type { DocumentedCommand } from "../command.js";
import { Failure } from "../failure.js";
import { readText } from "../input.js";
import type { Io } from "../io.js";
import { id } from "../parse/fields.js";
import { withDaemon } from "../session.js";
import { endpointText, endsText, lifetimeText, ruleText } from "../text/rule.js";
import { safe, safeLine } from "../text/sanitize.js";
import { actionTone, type Paint, plain } from "../text/style.js";
import { type Cell, type Column, table } from "../text/table.js";
import { ago } from "../text/time.js";
import { width } from "../text/width.js";
import { addRulesAdd } from "./rules-add.js";

export function addRules(program: DocumentedCommand, io: Io): void {
  const rules = program.command("rules").description("see and change the rules; the first that matches decides");
  addList(rules, io);
  addRulesAdd(rules, io);
  addRemove(rules, io);
  addCheck(rules, io);
  rules
    .command("reload")
    .description("read the files again; a file with an error is refused, and the last good rules stay")
    .example("fwctl rules reload", "put to work what was edited in /etc/desktopfw/rules")
    .action(
      withDaemon(io, async ({ api, print }) => {
        const loaded = await api.rules.reload.mutate();
        print(loaded, () => [`loaded: ${count(loaded.rules)}`]);
      }),
    );
}

function addList(rules: DocumentedCommand, io: Io): void {
  rules
    .command("list", { isDefault: true })
    .description("all rules in the order in which they are tried")
    .example("fwctl rules", "see which rules there are, and how often each decided")
    .example("fwctl --json rules", "the same for a program")
    .action(
      withDaemon(io, async ({ api, print }) => {
        const list = await api.rules.list.query();
        print(list, () => ruleLines(list, io.now(), io.columns(), io.paint));
      }),
    );
}

function addRemove(rules: DocumentedCommand, io: Io): void {
  rules
    .command("remove")
    .description("take a rule away")
    .argument("<id>", "the rule, as `fwctl rules` numbers it", id)
    .example("fwctl rules remove 12", "take rule 12 away; a live connection that only it allowed is cut")
    .action(
      withDaemon(io, async ({ api, print }, rule: Rule["id"]) => {
        const removed = await api.rules.remove.mutate({ id: rule });
        print(removed, () => [`removed rule ${removed.id}: ${ruleText(removed)}`]);
      }),
    );
}

function addCheck(rules: DocumentedCommand, io: Io): void {
  rules
    .command("check")
    .description("say whether a rules file could be loaded, and load nothing")
    .argument("[file]", "the file to check; - is standard input; without it the file that the daemon itself reads")
    .example("fwctl rules check my-rules", "see whether every line parses before the file is put in place")
    .example("fwctl rules check", "the same for the file that the daemon reads")
    .action(
      withDaemon(io, async ({ api, print }, file: string | undefined) => {
        if (file === undefined) {
          const own = await api.rules.check.query({});
          print(own, () => [`fine: ${count(own.rules)}`]);
          return;
        }
        const text = await readText(file, io.input);
        const checked = await api.rules.check.query({ text }).catch((error: unknown) => {
          throw located(error, file);
        });
        print(checked, () => [`${safeLine(file)} is fine: ${count(checked.rules)}`]);
      }),
    );
}

/** The daemon knows the text as `rules`; here it has the name that was given. */
function located(error: unknown, file: string): unknown {
  if (!(error instanceof Error) || !/^rules:\d/.test(error.message)) return error;
  const name = file === "-" ? "standard input" : file;
  return new Failure(safeLine(error.message.replace(/^rules/, () => name)));
}

function count(rules: number): string {
  return rules === 1 ? "1 rule" : `${rules} rules`;
}

const COLUMNS: Column[] = [
  { title: "ID", align: "right" },
  { title: "LIFE", atLeast: 7 },
  { title: "ACTION" },
  { title: "DIRECTION", hiddenWhenAll: "any" },
  { title: "PROTO", hiddenWhenAll: "any" },
  { title: "HITS", align: "right" },
  { title: "USED" },
  { title: "PROGRAM", atLeast: 12 },
];
const ENDS: Column[] = [
  { title: "IFACE", hiddenWhenAll: "any" },
  { title: "FROM", hiddenWhenAll: "any" },
  { title: "TO", hiddenWhenAll: "any" },
];

/** The interface and both ends stand in columns of their own where all fits, else below each rule: they are never cut. */
export function ruleLines(rules: Rule[], now: number, columns: number, paint: Paint): string[] {
  if (rules.length === 0) return ["there are no rules; the default actions decide"];
  const rows = rules.map((rule) => ({ rule, cells: cellsOf(rule, now) }));
  const wide = rows.map(({ rule, cells }) => ({
    cells: [...cells, safe(rule.interface), endpointText(rule.source), endpointText(rule.destination)],
  }));
  const plainLines = table([...COLUMNS, ...ENDS], wide, Number.POSITIVE_INFINITY, plain);
  if (plainLines.every((line) => width(line) <= columns)) return table([...COLUMNS, ...ENDS], wide, columns, paint);
  const noted = rows.map(({ rule, cells }) => ({ cells, notes: [endsText(rule)] }));
  return table(COLUMNS, noted, columns, paint);
}

function cellsOf(rule: Rule, now: number): Cell[] {
  return [
    { text: String(rule.id), tone: "strong" },
    { text: lifetimeText(rule, now) },
    { text: rule.action, tone: actionTone(rule.action) },
    { text: rule.direction },
    { text: safe(rule.protocol) },
    { text: String(rule.hits) },
    { text: ago(rule.lastUsed, now) },
    { text: safe(rule.app) },
  ];
}
