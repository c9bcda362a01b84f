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

/** Gives an empty file the original's header, and one with nothing but comments its section, so that lines can be added. */
export function withSection(lines: readonly string[], section: string, header: readonly string[]): readonly string[] {
  if (lines.length === 0) return header;
  const bare = lines.every((line) => /^#|^$/.test(trimBlanks(line)));
  return bare ? [...lines, `[${section}]`] : lines;
}

/** The lines that say something: without comments and empty ones, and after the one line `[section]` that all must follow. */
export function contentLines(lines: readonly string[], section: string, file: string): ContentLine[] {
  const content: ContentLine[] = [];
  let inside = false;
  lines.forEach((raw, index) => {
    const number = index + 1;
    const text = trimBlanks(raw);
    if (text === "" || text.startsWith("#")) return;
    if (text === `[${section}]` && !inside) {
      inside = true;
      return;
    }
    if (text.startsWith("[") && text.endsWith("]")) {
      const problem = text === `[${section}]` ? `section ${text} stands twice` : `section ${text} is not known`;
      throw new FileError({ file, line: number }, problem, `one section [${section}]`);
    }
    if (!inside)
      throw new FileError({ file, line: number }, "a line stands before its section", `[${section}] above it`);
    content.push({ number, text });
  });
  return content;
}
