import { FileError } from "./error.js";

/** The two lines with which the original began every file of its own. */
export const GENERATED = [
  "# This file is generated automaticaly.",
  "# DON'T MODIFY IT BY HAND UNLESS YOU KNOW WHAT YOU'RE DOING!",
  "",
];

/** A line of a file with sections; `number` counts from 1, `text` has lost the blanks at both ends. */
export type ContentLine = { number: number; text: string };

/** Blanks as the original's files know them. Other white space is part of a value: trimming it would name another program. */
export function trimBlanks(text: string): string {
  return text.replace(/^[ \t\r]+|[ \t\r]+$/g, "");
}

/** A file's lines; a last line without an end is a line too, an end without a line after it is not. */
export function splitLines(text: string): string[] {
  const lines = text.split("\n");
  if (lines.at(-1) === "") lines.pop();
  return lines;
}

/** How a file of ours is laid out: one section, and the header that an empty file gets. `file` is the name in errors. */
export type Layout = { section: string; header: readonly string[]; file: string };

/** A file that was read: its lines as they are written back, and what the lines of its section say. */
export type ReadLines<T> = {
  lines: readonly string[];
  content: readonly { index: number; value: T }[];
  /** Lines that the original passed over silently, each with what is wrong with it; they are comments in `lines`. */
  passedOver?: readonly PassedOver[];
};

export type PassedOver = FileError;

/** What a passed over line begins with once it is a comment. */
const KEPT = "# passed over: ";

/**
 * Reads the lines of the section, each with `parse`, which also gets what the lines before say. A file with the original's
 * first line is read as the original read it: what does not parse is passed over, but told and kept as a comment. Of any
 * other file the first wrong line is thrown as a FileError.
 */
export function readLines<T>(
  text: string,
  { section, header, file }: Layout,
  parse: (line: ContentLine, file: string, before: readonly T[]) => T,
): ReadLines<T> {
  const given = splitLines(text);
  if (given.length === 0) return { lines: header, content: [] };
  const lenient = trimBlanks(given[0] ?? "") === GENERATED[0];
  const lines = [...given];
  const content: { index: number; value: T }[] = [];
  const values: T[] = [];
  const passedOver: PassedOver[] = [];
  const place: Place = { seen: false, inside: false };
  given.forEach((raw, index) => {
    const line = { number: index + 1, text: trimBlanks(raw) };
    if (line.text === "" || line.text.startsWith("#")) return;
    try {
      if (!belongs(line, section, file, place)) return;
      const value = parse(line, file, values);
      values.push(value);
      content.push({ index, value });
    } catch (error) {
      if (!lenient || !(error instanceof FileError)) throw error;
      passedOver.push(error);
      lines[index] = `${KEPT}${raw}`;
    }
  });
  if (!place.seen) lines.push(`[${section}]`);
  return { lines, content, ...(passedOver.length > 0 && { passedOver }) };
}

type Place = { seen: boolean; inside: boolean };

/** Whether a line is one of the section; false for the section's own title. Throws a FileError for one that stands elsewhere. */
function belongs({ text, number }: ContentLine, section: string, file: string, place: Place): boolean {
  const at = { file, line: number };
  const title = `[${section}]`;
  if (text === title && !place.seen) {
    place.seen = true;
    place.inside = true;
    return false;
  }
  if (text.startsWith("[") && text.endsWith("]")) {
    place.inside = text === title;
    const problem = text === title ? `section ${text} stands twice` : `section ${text} is not known`;
    throw new FileError(at, problem, `one section ${title}`);
  }
  if (place.inside) return true;
  const problem = place.seen ? "a line stands in another section" : "a line stands before its section";
  throw new FileError(at, problem, `${title} above it`);
}
