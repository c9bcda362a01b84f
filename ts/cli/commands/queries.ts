import type { Query } from "../../model/query.js";
import type { DocumentedCommand } from "../command.js";
import type { Io } from "../io.js";
import { withDaemon } from "../session.js";
import { changedText } from "../text/app.js";
import { flowEnds, programText, userText } from "../text/flow.js";
import { processLines } from "../text/process.js";
import { safe } from "../text/sanitize.js";
import type { Paint } from "../text/style.js";
import { type Column, noteWidth, table } from "../text/table.js";
import { ago, left } from "../text/time.js";

export function addQueries(program: DocumentedCommand, io: Io): void {
  program
    .command("queries")
    .description("the open questions: which program wants where, since when, and how long it still waits")
    .example("fwctl queries", "see what waits for an answer; then `fwctl allow ID` or `fwctl deny ID`")
    .example("fwctl --json queries", "the same for a program")
    .action(
      withDaemon(io, async ({ api, print }) => {
        const queries = await api.queries.list.query();
        print(queries, () => queryLines(queries, io.now(), io.columns(), io.paint));
      }),
    );
}

const COLUMNS: Column[] = [
  { title: "ID", align: "right" },
  { title: "PROGRAM", atLeast: 16 },
  { title: "PID", align: "right" },
  { title: "USER", atLeast: 6 },
  { title: "DIRECTION" },
  { title: "PROTO" },
  { title: "AGE" },
  { title: "LEFT" },
  { title: "HELD", align: "right" },
];

export function queryLines(queries: Query[], now: number, columns: number, paint: Paint): string[] {
  if (queries.length === 0) return ["no questions are open"];
  const rows = queries.map((query) => ({
    cells: [
      { text: String(query.id), tone: "strong" as const },
      programText(query.app),
      String(query.app.pid ?? "-"),
      userText(query.app),
      query.direction,
      safe(query.protocol),
      ago(query.since, now),
      left(query.deadline, now).replace(/ left$/, ""),
      String(query.count),
    ],
    notes: [
      `${flowEnds(query)} on ${safe(query.interface)}`,
      ...processLines(query.app, noteWidth(columns)),
      ...[changedText(query.app)].filter((note) => note !== undefined),
    ],
  }));
  return table(COLUMNS, rows, columns, paint);
}
