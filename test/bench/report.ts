/** What a row must reach: a number that was derived from its values, and its bound. NaN: not measured. */
export type Budget = { what: string; reached: number; atLeast?: number; atMost?: number };

/** One measure: what each variant reached, round by round. */
export type Row = { name: string; what: string; unit: string; values: Values; budgets: readonly Budget[] };

export type Values = Readonly<Record<string, readonly number[]>>;

export type Summary = { median: number; low: number; high: number };

export function summarise(values: readonly number[]): Summary {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? Number.NaN;
  const lower = sorted[sorted.length % 2 === 1 ? middle : middle - 1] ?? Number.NaN;
  return { median: (upper + lower) / 2, low: sorted[0] ?? Number.NaN, high: sorted.at(-1) ?? Number.NaN };
}

/** The median of one variant divided by another's; NaN where either was not measured. */
export function ratio(values: Values, ours: string, baseline: string): number {
  return summarise(values[ours] ?? []).median / summarise(values[baseline] ?? []).median;
}

export function verdict({
  reached,
  atLeast = -Infinity,
  atMost = Infinity,
}: Budget): "met" | "MISSED" | "not measured" {
  if (Number.isNaN(reached)) return "not measured";
  return reached >= atLeast && reached <= atMost ? "met" : "MISSED";
}

/** A Markdown table: for each row the medians with the lowest and highest round, what is wanted, and whether it is so. */
export function table(rows: readonly Row[]): string {
  const header = ["row", "what", "measured: median (lowest–highest)", "budget", "reached", "so"];
  const body = rows.map(({ name, what, unit, values, budgets }) => [
    name,
    unit === "" ? what : `${what}, ${unit}`,
    inLines(Object.entries(values).map(([variant, all]) => `${variant}: ${spread(summarise(all))}`)),
    inLines(budgets.map(bound)),
    inLines(budgets.map(({ reached }) => (Number.isNaN(reached) ? "–" : rounded(reached)))),
    inLines(budgets.map(verdict)),
  ]);
  const lines = [header, header.map(() => "---"), ...body].map((cells) => `| ${cells.join(" | ")} |`);
  return `${lines.join("\n")}\n`;
}

function inLines(parts: readonly string[]): string {
  return parts.join("<br>");
}

function bound({ what, atLeast, atMost }: Budget): string {
  return [
    what,
    ...(atLeast === undefined ? [] : [`at least ${rounded(atLeast)}`]),
    ...(atMost === undefined ? [] : [`at most ${rounded(atMost)}`]),
  ].join(" ");
}

function spread({ median, low, high }: Summary): string {
  return low === high ? rounded(median) : `${rounded(median)} (${rounded(low)}–${rounded(high)})`;
}

function rounded(value: number): string {
  return value.toLocaleString("en-US", { maximumFractionDigits: value < 10 ? 2 : value < 100 ? 1 : 0 });
}
