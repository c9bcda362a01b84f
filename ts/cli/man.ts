import { commandPath, type DocumentedCommand, visibleCommands } from "./command.js";
import { KEYS } from "./watch/keys.js";

/** The manual page fwctl(1) as roff, from the definitions of the commands. */
export function manualPage(program: DocumentedCommand): string {
  const lines = [
    '.\\" Written by scripts/man from the definitions of the commands: change those.',
    '.TH FWCTL 1 "" desktopfw "desktopfw manual"',
    ".SH NAME",
    `fwctl \\- ${roff(program.description())}`,
    ".SH SYNOPSIS",
    ".B fwctl",
    "[\\fIoptions\\fR] \\fIcommand\\fR [\\fIarguments\\fR]",
    ".SH DESCRIPTION",
    "fwctl talks to fwdaemon over its unix socket.",
    "The superuser may do all; members of the group desktopfw may look and answer questions.",
    "Tables fit the terminal, or 80 columns when the output is none; long texts are shortened in the middle.",
    "With \\fB\\-\\-json\\fR nothing is shortened.",
    ".SH OPTIONS",
    ...optionLines(program),
    ".SH COMMANDS",
    ...visibleCommands(program).flatMap(commandLines),
    ".SH KEYS OF WATCH",
    ...[...KEYS].flatMap(([key, { does }]) => [".TP", `.B ${roff(key)}`, roff(does)]),
    ".SH EXIT STATUS",
    ...[
      ["0", "done"],
      ["1", "refused or failed; one line on standard error says why and what to do"],
      ["2", "wrong usage"],
    ].flatMap(([code = "", means = ""]) => [".TP", `.B ${code}`, roff(means)]),
    ".SH ENVIRONMENT",
    ".TP",
    ".B NO_COLOR",
    "when set, there are no colours; there are none either when the output is not a terminal",
    ".SH FILES",
    ".TP",
    ".I /run/desktopfw/fwdaemon.sock",
    "the socket of fwdaemon",
    ".TP",
    ".I /etc/desktopfw/config\\fR, \\fI/etc/desktopfw/rules\\fR, \\fI/etc/desktopfw/apps",
    "the settings, the permanent rules and the registered programs",
    ".SH EXAMPLES",
    ...exampleLines(program),
  ];
  return `${lines.join("\n")}\n`;
}

function commandLines(command: DocumentedCommand): string[] {
  const children = visibleCommands(command);
  if (children.length > 0) return children.flatMap(commandLines);
  const usage = command.registeredArguments.map((argument) =>
    argument.required ? `<${argument.name()}>` : `[${argument.name()}]`,
  );
  const words = [commandPath(command), command.options.length > 0 ? "[options]" : "", ...usage];
  return [
    `.SS ${roff(words.filter(Boolean).join(" "))}`,
    `${roff(command.description())}.${isDefault(command) ? " This is what the group does without a command." : ""}`,
    ...command.registeredArguments.flatMap((argument) => [
      ".TP",
      `.I ${roff(argument.name())}`,
      roff(argument.description + choicesText(argument.argChoices)),
    ]),
    ...optionLines(command),
    ...(command.examples.length > 0 ? [".PP", command.examples.length === 1 ? "Example:" : "Examples:"] : []),
    ...exampleLines(command),
  ];
}

/** `rules list` runs for `rules`. */
function isDefault(command: DocumentedCommand): boolean {
  return command.parent?.parent !== null && command.parent?.commands[0] === command;
}

function optionLines(command: DocumentedCommand): string[] {
  return command
    .createHelp()
    .visibleOptions(command)
    .filter((option) => command.parent === null || option.long !== "--help")
    .flatMap((option) => [
      ".TP",
      `.B ${roff(option.flags)}`,
      roff(option.description + choicesText(option.argChoices)),
    ]);
}

function choicesText(choices: readonly string[] | undefined): string {
  return choices ? ` (${choices.join(", ")})` : "";
}

function exampleLines(command: DocumentedCommand): string[] {
  return command.examples.flatMap(({ line, does }) => [".TP", `.B ${roff(line)}`, roff(does)]);
}

/** Text that roff prints as it is. */
function roff(text: string): string {
  return text
    .replaceAll("\\", "\\e")
    .replaceAll("-", "\\-")
    .replaceAll("`", "\\(ga")
    .replace(/^[.']/, (first) => `\\&${first}`);
}
