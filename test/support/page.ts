/** A block of code on a page of docs/: what kind it is, and in which terminal. `step` is the number of its heading. */
export type Block = { step: number; kind: "sh" | "text" | "keys"; terminal: number; lines: string[] };

/** The blocks of a page in their order. Throws an Error for a block without a kind or a terminal. */
export function blocksOf(page: string): Block[] {
  const blocks: Block[] = [];
  let step = 0;
  for (const [, heading, info = "", code = ""] of page.matchAll(/^## (\d+)\. |^```(.*)\n([\s\S]*?)^```$/gm)) {
    if (heading !== undefined) {
      step = Number(heading);
      continue;
    }
    const [, kind, terminal] = /^(sh|text|keys) terminal=(\d)$/.exec(info) ?? [];
    if (kind === undefined) throw new Error(`a block of step ${step} says neither its kind nor its terminal: ${info}`);
    blocks.push({
      step,
      kind: kind as Block["kind"],
      terminal: Number(terminal),
      lines: code.split("\n").slice(0, -1),
    });
  }
  return blocks;
}

/** What matches a `text` block in a terminal's output: whole lines, with `…` for anything. */
export function patternOf(lines: readonly string[]): RegExp {
  const text = lines.map((line) => line.split("…").map(escaped).join("[^\\n]*"));
  return new RegExp(`(?:^|\\n)${text.join("\\n")}\\n`);
}

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\/]/g, "\\$&");
}
