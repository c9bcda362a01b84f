/** One measure: what each contender reached, round by round. */
export type Row = { what: string; unit: string; values: Record<string, number[]> };

export type Summary = { median: number; low: number; high: number };

export function summarise(values: readonly number[]): Summary {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? Number.NaN;
  const lower = sorted[sorted.length % 2 === 1 ? middle : middle - 1] ?? Number.NaN;
  return { median: (upper + lower) / 2, low: sorted[0] ?? Number.NaN, high: sorted.at(-1) ?? Number.NaN };
}

/** A Markdown table: for each row the medians, with the lowest and highest round, and the ratio of the last two columns. */
export function table(rows: readonly Row[], names: readonly string[], baseline: string, ours: string): string {
  const header = ["what", ...names, `${ours} / ${baseline}`];
  const body = rows.map(({ what, unit, values }) => {
    const summaries = new Map(names.map((name) => [name, summarise(values[name] ?? [])]));
    const cells = [...summaries.values()].map(
      ({ median, low, high }) => `${round(median)} (${round(low)}–${round(high)})`,
    );
    const ratio = (summaries.get(ours)?.median ?? Number.NaN) / (summaries.get(baseline)?.median ?? Number.NaN);
    return [`${what}, ${unit}`, ...cells, ratio.toFixed(2)];
  });
  const lines = [header, header.map(() => "---"), ...body].map((cells) => `| ${cells.join(" | ")} |`);
  return `${lines.join("\n")}\n`;
}

function round(value: number): string {
  return value.toLocaleString("en-US", { maximumFractionDigits: value < 10 ? 2 : 0 });
}
