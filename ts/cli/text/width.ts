/** Scripts and forms that take two columns; marks take none. An approximation of Unicode's East Asian Width. */
const WIDE =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Emoji_Presentation}\u3000-\u303e\uff01-\uff60\uffe0-\uffe6]/u;
const MARK = /\p{M}/u;

function characterWidth(character: string): number {
  if (character >= " " && character <= "~") return 1;
  if (MARK.test(character)) return 0;
  return WIDE.test(character) ? 2 : 1;
}

/** Columns that a text without escapes takes in a terminal. */
export function width(text: string): number {
  let columns = 0;
  for (const character of text) columns += characterWidth(character);
  return columns;
}

/** The longest beginning of at most `columns`. */
export function head(text: string, columns: number): string {
  let taken = "";
  let left = columns;
  for (const character of text) {
    left -= characterWidth(character);
    if (left < 0) break;
    taken += character;
  }
  return taken;
}

function tail(text: string, columns: number): string {
  let taken = "";
  let left = columns;
  for (const character of [...text].reverse()) {
    left -= characterWidth(character);
    if (left < 0) break;
    taken = character + taken;
  }
  return taken;
}

/** The text in at most `columns`: its middle gives way to `…`, so that the end of a path stays in sight. */
export function shorten(text: string, columns: number): string {
  if (width(text) <= columns) return text;
  if (columns <= 0) return "";
  const front = Math.floor((columns - 1) / 3);
  return `${head(text, front)}…${tail(text, columns - 1 - front)}`;
}

/** The text filled up with blanks to `columns`. */
export function pad(text: string, columns: number, align: "left" | "right" = "left"): string {
  const blanks = " ".repeat(Math.max(0, columns - width(text)));
  return align === "left" ? text + blanks : blanks + text;
}

/** Breaks at blanks into lines of at most `columns`; a word longer than that is shortened. */
export function wrap(text: string, columns: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ").filter(Boolean)) {
    const longer = line === "" ? word : `${line} ${word}`;
    if (width(longer) <= columns) {
      line = longer;
      continue;
    }
    if (line !== "") lines.push(line);
    line = shorten(word, columns);
  }
  return line === "" ? lines : [...lines, line];
}
