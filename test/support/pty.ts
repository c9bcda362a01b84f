/**
 * The command line that runs a shell command in a terminal of its own, of 24 lines. What is written to its input are keys;
 * its output is what the terminal shows; its exit code is the command's.
 */
export function terminalCommand(shellCommand: string, columns = 80): string[] {
  // -e: the command's exit code; -f: flush at each write; -q: no lines of its own. The shell is not the person's.
  return ["env", "SHELL=/bin/sh", "script", "-efqc", `stty cols ${columns} rows 24 && ${shellCommand}`, "/dev/null"];
}

/** Words as one shell command, each safe from the shell. */
export function quoted(words: readonly string[]): string {
  return words.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(" ");
}
