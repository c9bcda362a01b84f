import type { Argument, Option } from "commander";
import { commandPath, type DocumentedCommand, visibleCommands } from "../command.js";
import { locate } from "../usage.js";

/** Where values come from that the definitions do not hold. `files` leaves it to the shell. */
export type Source = "queries" | "rules" | "devices" | "apps" | "files";

export interface Candidate {
  value: string;
  about: string;
}

/** What may stand where the last word is: candidates that begin with it, and a source to ask for more. */
export interface Completion {
  candidates: Candidate[];
  source: Source | undefined;
  /** The socket that the words name, to ask the right daemon. */
  socket: string | undefined;
}

const ARGUMENTS: Readonly<Record<string, Source>> = {
  "allow id": "queries",
  "deny id": "queries",
  "reject id": "queries",
  "rules remove id": "rules",
  "rules check file": "files",
  "devices stats name": "devices",
  "apps add path": "files",
  "apps commit path": "apps",
  "apps remove path": "apps",
};
const OPTIONS: Readonly<Record<string, Source>> = { "--socket": "files", "--app": "files", "--interface": "devices" };

/** Completes the last of the words (which may be empty) after those before it. */
export function complete(program: DocumentedCommand, words: string[]): Completion {
  const last = words.at(-1) ?? "";
  const { command, operands, expects, socket } = locate(program, words.slice(0, -1));
  const found = (candidates: Candidate[], source?: Source): Completion => ({
    candidates: candidates.filter(({ value }) => value.startsWith(last)),
    source,
    socket,
  });
  if (last.startsWith("-")) {
    const options = command === program ? program.options : [...command.options, ...program.options];
    const help = { value: "--help", about: "print the help" };
    return found([...options.flatMap(optionCandidate), help]);
  }
  if (expects) return found(choices(expects), OPTIONS[expects.long ?? ""]);
  const commands = operands.length === 0 ? visibleCommands(command) : [];
  const argument = command.registeredArguments[operands.length];
  return found(
    [
      ...commands.map((child) => ({ value: child.name(), about: child.description() })),
      ...(argument ? choices(argument) : []),
    ],
    argument && ARGUMENTS[`${commandPath(command)} ${argument.name()}`],
  );
}

function optionCandidate(option: Option): Candidate[] {
  return option.long && !option.hidden ? [{ value: option.long, about: option.description }] : [];
}

function choices(of: Option | Argument): Candidate[] {
  return (of.argChoices ?? []).map((value) => ({ value, about: of.description }));
}
