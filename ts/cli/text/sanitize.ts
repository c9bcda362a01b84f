/**
 * Characters that may not reach a terminal as they are: controls (C0, DEL, C1), format characters (bidi overrides, zero
 * width), line and paragraph separators, lone surrogates, private and unassigned ones. The backslash is among them because
 * it starts our escapes: so no two names look the same.
 */
const UNSAFE = /[\p{C}\p{Zl}\p{Zp}\\]/gu;

/** A name of a program, user or host, safe to print: what could steer the terminal stands there as an escape. */
export function safe(text: string): string {
  return text.replace(UNSAFE, escaped);
}

function escaped(character: string): string {
  if (character === "\\") return "\\\\";
  const code = character.codePointAt(0) ?? 0;
  return code <= 0xff ? `\\x${code.toString(16).padStart(2, "0")}` : `\\u{${code.toString(16)}}`;
}

/** The same for a message of several words or lines that we show as one line: line ends become blanks. */
export function safeLine(text: string): string {
  return text
    .replace(/\s+/g, " ")
    .trim()
    .replace(UNSAFE, (character) => (character === "\\" ? character : escaped(character)));
}

/** JSON on one or several lines whose strings hold nothing that a terminal acts on; the value is the same. */
export function safeJson(value: unknown, indent?: number): string {
  return JSON.stringify(value, null, indent).replace(/(?!\n)[\p{C}\p{Zl}\p{Zp}]/gu, (character) =>
    [...Array(character.length).keys()]
      .map((index) => `\\u${character.charCodeAt(index).toString(16).padStart(4, "0")}`)
      .join(""),
  );
}
