/** The lines of a reply; what else belongs to it is added by `replyText`. */
export type Lines = readonly string[];

/** A reply as it is sent: its lines, and the empty line that ends it. */
export function replyText(lines: Lines): string {
  return [...lines, ""].map((line) => `${line}\n`).join("");
}

/**
 * A value that others chose, such as a program's path: on its one line, and without what steers a terminal. Tabs go too:
 * they separate the columns.
 */
export function clean(value: string): string {
  return value.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, "?");
}

/** A time in whole seconds since the epoch, as the original wrote it. */
export function epoch(milliseconds: number): number {
  return Math.floor(milliseconds / 1000);
}

/** The number that the original wrote with %04d. */
export function fourDigits(number: number): string {
  return String(number).padStart(4, "0");
}

/** A number that a client names: decimal digits; undefined for anything else. */
export function wholeNumber(word: string | undefined): number | undefined {
  return word !== undefined && /^\d{1,9}$/.test(word) ? Number(word) : undefined;
}
