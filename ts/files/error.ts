/**
 * A file of ours that cannot be read or written as it stands. The message is one line: `FILE:LINE: problem; expected ...`,
 * without the line where the whole file is meant. `column` counts characters from 1.
 */
export class FileError extends Error {
  override readonly name = "FileError";
  readonly file: string;
  readonly problem: string;
  readonly expected: string;
  readonly line?: number;
  readonly column?: number;

  constructor(at: { file: string; line?: number; column?: number }, problem: string, expected: string) {
    const place = [at.file, at.line, at.column].filter((part) => part !== undefined).join(":");
    super(`${place}: ${problem}; expected ${expected}`);
    this.file = at.file;
    this.problem = problem;
    this.expected = expected;
    if (at.line !== undefined) this.line = at.line;
    if (at.column !== undefined) this.column = at.column;
  }
}

/** A value that the format of its file cannot express: it would not read back as itself. One line with cause and remedy. */
export class UnwritableError extends Error {
  override readonly name = "UnwritableError";
}

/** The directory of our files is not there or is none; one line with cause and remedy. */
export class DirectoryError extends Error {
  override readonly name = "DirectoryError";
}
