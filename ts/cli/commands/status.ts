import type { Status } from "../../model/status.js";
import type { DocumentedCommand } from "../command.js";
import type { Io } from "../io.js";
import { withDaemon } from "../session.js";
import { safe, safeLine } from "../text/sanitize.js";
import { actionTone, type Paint } from "../text/style.js";
import { span } from "../text/time.js";
import { pad, wrap } from "../text/width.js";
import { interceptionText } from "./interception.js";

export function addStatus(program: DocumentedCommand, io: Io): void {
  program
    .command("status")
    .description("is it filtering, by which backend, with what rules, and what it counted")
    .example("fwctl status", "see whether the firewall works, and what it counted since it started")
    .example("fwctl --json status", "the same for a program")
    .action(
      withDaemon(io, async ({ api, print }) => {
        const status = await api.status.get.query();
        print(status, () => statusLines(status, io.now(), io.columns(), io.paint));
      }),
    );
}

const LABEL = 15;

/** The whole status for people, each line within `columns`. */
export function statusLines(status: Status, now: number, columns: number, paint: Paint): string[] {
  const state = status.filtering ? paint("is filtering", "good") : paint("is NOT filtering", "bad");
  const { counters, defaults } = status;
  const action = (text: string) => paint(safe(text), actionTone(text));
  return [
    `fwdaemon ${safe(status.version)} ${state} (pid ${status.pid}, up ${span(now - status.startedAt)})`,
    ...entry("interception", interceptionText(status.interception), columns),
    ...entry("attribution", attributionText(status), columns),
    ...entry("rules", `${status.rules.session} session, ${status.rules.permanent} permanent`, columns),
    `${pad("no rule matches", LABEL)}  incoming ${action(defaults.incoming)}, outgoing ${action(defaults.outgoing)}; nobody to ask: ${action(defaults.unattended)}`,
    ...entry("questions", `${status.openQueries} open; ${status.attachedClients} attached to answer`, columns),
    ...entry("packets", `${counters.packets} seen`, columns),
    ...entry(
      "verdicts",
      `${counters.accepted} accepted, ${counters.dropped} dropped, ${counters.rejected} rejected, ${counters.asked} asked, ${counters.cut} cut`,
      columns,
    ),
    ...entry(
      "trouble",
      `${counters.unknown} programs unknown, ${counters.exactMissed} not seen by bpf, ${counters.malformed} malformed, ${counters.overflowed} overflowed, ${counters.queueDrops + counters.socketDrops} lost by the kernel's queue, ${counters.eventsDropped} events lost, ${counters.panics} panics`,
      columns,
    ),
    ...status.problems.flatMap((problem) => problemLines(problem, columns, paint)),
  ];
}

function attributionText({ attribution }: Status): string {
  const blind = attribution.blind.length === 0 ? "" : `; cannot see ${attribution.blind.map(safeLine).join(", ")}`;
  const missing = attribution.missing === undefined ? "" : ` (no bpf: ${safeLine(attribution.missing)})`;
  return `${attribution.layer}${missing}${blind}`;
}

function entry(label: string, text: string, columns: number): string[] {
  return wrap(text, Math.max(20, columns - LABEL - 2)).map(
    (line, index) => `${pad(index === 0 ? label : "", LABEL)}  ${line}`,
  );
}

function problemLines(problem: string, columns: number, paint: Paint): string[] {
  return entry("problem", safeLine(problem), columns).map((line) => paint(line, "bad"));
}
