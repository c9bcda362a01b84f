/** What is wrong now, as `status` shows it: at most one line for each matter, the oldest matter first. */
export type Problems = {
  /** Sets the line of a matter, or takes it away. */
  set(matter: string, line: string | undefined): void;
  list(): string[];
};

/** Matters come from us and from the addon; a bound keeps a broken one from filling the memory. */
const MOST = 32;

export function createProblems(): Problems {
  const lines = new Map<string, string>();
  return {
    set(matter, line) {
      if (line === undefined) {
        lines.delete(matter);
        return;
      }
      lines.set(matter, line);
      const [oldest] = lines.keys();
      if (lines.size > MOST && oldest !== undefined) lines.delete(oldest);
    },
    list: () => [...lines.values()],
  };
}
