import { Command } from "commander";
import { wrap } from "./text/width.js";

export interface Example {
  line: string;
  does: string;
}

/** A commander command that keeps its examples, so that `--help` and the manual page say the same. */
export class DocumentedCommand extends Command {
  readonly examples: Example[] = [];

  override createCommand(name?: string): DocumentedCommand {
    return new DocumentedCommand(name);
  }

  example(line: string, does: string): this {
    if (this.examples.length === 0) {
      this.addHelpText("after", ({ error, command }) => {
        const { getOutHelpWidth, getErrHelpWidth } = command.configureOutput();
        const columns = (error ? getErrHelpWidth : getOutHelpWidth)?.() ?? 80;
        return `\nExamples:\n${examplesText(this.examples, columns)}`;
      });
    }
    this.examples.push({ line, does });
    return this;
  }
}

/** The command line stands as it is, so that it can be copied; what it does is broken to fit. */
function examplesText(examples: Example[], columns: number): string {
  const indent = " ".repeat(6);
  return examples
    .flatMap(({ line, does }) => [
      `  ${line}`,
      ...wrap(does, Math.max(20, columns - indent.length)).map((part) => indent + part),
    ])
    .join("\n");
}

/** The commands below this one that people see, in their order. */
export function visibleCommands(command: Command): DocumentedCommand[] {
  return command
    .createHelp()
    .visibleCommands(command)
    .filter((child): child is DocumentedCommand => child instanceof DocumentedCommand && child.name() !== "help");
}

/** `rules add`: the names from below the program down to this command. */
export function commandPath(command: Command): string {
  const names: string[] = [];
  for (let at: Command | null = command; at?.parent; at = at.parent) names.unshift(at.name());
  return names.join(" ");
}
