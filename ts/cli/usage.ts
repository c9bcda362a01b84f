import type { CommanderError, Option } from "commander";
import { commandPath, type DocumentedCommand, visibleCommands } from "./command.js";
import { safe, safeLine } from "./text/sanitize.js";

/** One line for wrong usage, with the place of the right one. */
export function usageText(error: CommanderError, program: DocumentedCommand, words: string[]): string {
  const { command, operands } = locate(program, words);
  const help = ["fwctl", commandPath(command), "--help"].filter(Boolean).join(" ");
  const [unknown] = operands;
  const isGroup = visibleCommands(command).length > 0;
  const cause =
    error.code === "commander.excessArguments" && isGroup && unknown !== undefined
      ? `unknown command "${safe(unknown)}"`
      : safeLine(causeOf(error.message)).replace(/\.$/, "");
  return `${cause}; see \`${help}\``;
}

/** Commander's message without what the person has just typed: `--to: host "x" is not ...`. */
function causeOf(message: string): string {
  return message
    .replace(/^error: /, "")
    .replace(/^option '(?:-\w, )?(--[\w-]+).*?' argument '.*?' is invalid\. /s, "$1: ")
    .replace(/^command-argument value '.*?' is invalid for argument '(.*?)'\. /s, "<$1>: ")
    .replace(/Allowed choices are/, "expected one of")
    .replace(/\n\(Did you mean (.*)\?\)$/s, ", perhaps $1 is meant");
}

/** What the words of a command line amount to so far. */
export interface Located {
  command: DocumentedCommand;
  /** Arguments that were given to it. */
  operands: string[];
  /** The option that the next word is a value of. */
  expects: Option | undefined;
  /** The socket that the words name. */
  socket: string | undefined;
}

/** Reads the words as commander does; options of the program may stand anywhere. */
export function locate(program: DocumentedCommand, words: string[]): Located {
  let command = program;
  let expects: Option | undefined;
  let socket: string | undefined;
  const operands: string[] = [];
  for (const word of words) {
    if (expects && !(expects.variadic && word.startsWith("-"))) {
      if (expects.long === "--socket") socket = word;
      if (!expects.variadic) expects = undefined;
    } else if (word.startsWith("-")) {
      const [flag] = word.split("=");
      const option = [...command.options, ...program.options].find(
        ({ long, short }) => long === flag || short === flag,
      );
      expects = option?.required && flag === word ? option : undefined;
    } else {
      const below = operands.length === 0 ? childOf(command, word) : undefined;
      if (below) command = below;
      else operands.push(word);
    }
  }
  return { command, operands, expects, socket };
}

function childOf(command: DocumentedCommand, name: string): DocumentedCommand | undefined {
  return visibleCommands(command).find((child) => child.name() === name);
}
