import { TextError } from "../../model/text.js";

const SECONDS: Readonly<Record<string, number>> = { d: 86_400, h: 3600, m: 60, s: 1 };
/** Ten years: more than that is a slip of the finger, or `--permanent`. */
const LONGEST = 10 * 366 * 86_400;

/** Milliseconds of a span such as `90s`, `15m`, `1h30m`, `2d`: largest unit first, each at most once. Throws a TextError. */
export function parseDuration(text: string): number {
  const match = /^(?:(\d{1,9})d)?(?:(\d{1,9})h)?(?:(\d{1,9})m)?(?:(\d{1,9})s)?$/.exec(text);
  const seconds = ["d", "h", "m", "s"].reduce(
    (sum, unit, index) => sum + Number(match?.[index + 1] ?? 0) * (SECONDS[unit] ?? 0),
    0,
  );
  if (seconds === 0) {
    throw new TextError(`"${text}" is not a time span`, "a number with a unit such as 90s, 15m, 1h30m or 2d");
  }
  if (seconds > LONGEST) throw new TextError(`"${text}" is longer than ten years`, "a shorter span, or --permanent");
  return seconds * 1000;
}
