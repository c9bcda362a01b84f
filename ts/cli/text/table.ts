import type { Paint, Tone } from "./style.js";
import { pad, shorten, width, wrap } from "./width.js";

export interface Column {
  title: string;
  align?: "left" | "right";
  /** Gives way when the line is too long, down to this many columns; without it only when nothing else helps. */
  atLeast?: number;
  /** The whole column is left out when each of its cells says this. */
  hiddenWhenAll?: string;
}
export interface Cell {
  text: string;
  tone?: Tone;
}
/** One row; its notes stand below it, indented, broken at blanks. Texts must be safe to print already. */
export interface Row {
  cells: (Cell | string)[];
  notes?: string[];
}

const GAP = 2;
const NOTE_INDENT = "    ";

/** Lines of at most `columns` as long as there is one column for each cell and its gap. */
export function table(columns: Column[], rows: Row[], available: number, paint: Paint): string[] {
  const shown = columns
    .map((column, index) => ({ column, cells: rows.map((row) => cellAt(row, index)) }))
    .filter(({ column, cells }) => cells.length === 0 || cells.some((cell) => cell.text !== column.hiddenWhenAll));
  const widths = fitted(
    shown.map(({ column, cells }) => ({
      natural: Math.max(width(column.title), ...cells.map((cell) => width(cell.text))),
      atLeast: column.atLeast,
    })),
    available,
  );
  const line = (cells: Cell[]) =>
    cells
      .map((cell, index) => {
        const columns = widths[index] ?? 0;
        const isLast = index === cells.length - 1;
        const align = shown[index]?.column.align ?? "left";
        const text = shorten(cell.text, columns);
        const padded = isLast && align === "left" ? text : pad(text, columns, align);
        return cell.tone && text !== "" ? padded.replace(text, () => paint(text, cell.tone ?? "dim")) : padded;
      })
      .join(" ".repeat(GAP))
      .trimEnd();
  const header = line(shown.map(({ column }) => ({ text: column.title, tone: "strong" })));
  const body = rows.flatMap((row, index) => [
    line(shown.map(({ cells }) => cells[index] ?? { text: "" })),
    ...noteLines(row, available, paint),
  ]);
  return [header, ...body];
}

function cellAt(row: Row, index: number): Cell {
  const cell = row.cells[index] ?? "";
  return typeof cell === "string" ? { text: cell } : cell;
}

function noteLines(row: Row, available: number, paint: Paint): string[] {
  return (row.notes ?? []).flatMap((note) =>
    wrap(note, noteWidth(available)).map((text) => NOTE_INDENT + paint(text, "dim")),
  );
}

/** Columns that a note has in a table of this width. */
export function noteWidth(available: number): number {
  return Math.max(1, available - NOTE_INDENT.length);
}

/** Takes what is too much from the widest column first: from those that may give way, then from all. */
function fitted(columns: { natural: number; atLeast?: number | undefined }[], available: number): number[] {
  const widths = columns.map((column) => column.natural);
  let excess = widths.reduce((sum, columns) => sum + columns, 0) + GAP * (widths.length - 1) - available;
  const limits = [columns.map((column) => column.atLeast ?? column.natural), columns.map(() => 1)];
  for (const limit of limits) {
    while (excess > 0) {
      const room = widths.map((columns, index) => (columns > (limit[index] ?? 1) ? columns : 0));
      const widest = room.indexOf(Math.max(...room));
      if ((room[widest] ?? 0) === 0) break;
      widths[widest] = (widths[widest] ?? 0) - 1;
      excess -= 1;
    }
  }
  return widths;
}
