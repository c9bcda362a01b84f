const UNITS = [
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["m", 60_000],
  ["s", 1000],
] as const;

/** A span for people, in its two largest units: `48s`, `3m 12s`, `2d 4h`. Less than a second is `0s`. */
export function span(milliseconds: number): string {
  let rest = Math.max(0, milliseconds);
  const parts: string[] = [];
  for (const [unit, size] of UNITS) {
    const count = Math.floor(rest / size);
    rest -= count * size;
    if (count > 0) parts.push(`${count}${unit}`);
    else if (parts.length > 0) break;
    if (parts.length === 2) break;
  }
  return parts.length === 0 ? "0s" : parts.join(" ");
}

/** `12s ago`; `never` for null. */
export function ago(at: number | null, now: number): string {
  return at === null ? "never" : `${span(now - at)} ago`;
}

/** `48s left`, or `over`. */
export function left(deadline: number, now: number): string {
  return deadline > now ? `${span(deadline - now)} left` : "over";
}

/** The local time of day, `14:03:59`. */
export function clock(at: number): string {
  const date = new Date(at);
  return [date.getHours(), date.getMinutes(), date.getSeconds()].map((part) => String(part).padStart(2, "0")).join(":");
}
