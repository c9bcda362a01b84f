import { Option } from "commander";
import { Event, type EventType } from "../../model/event.js";
import type { DocumentedCommand } from "../command.js";
import { follow } from "../follow.js";
import type { Io } from "../io.js";
import { withDaemon } from "../session.js";
import { eventText } from "../text/event.js";
import { safeJson } from "../text/sanitize.js";

export const EVENT_TYPES: EventType[] = Event.options.map((option) => option.shape.type.value);

export function addEvents(program: DocumentedCommand, io: Io): void {
  program
    .command("events")
    .description("wait for the next event and print it; with --follow go on, one event a line")
    .option("-f, --follow", "go on until interrupted")
    .addOption(new Option("--type <type...>", "only events of these types").choices(EVENT_TYPES))
    .example("fwctl events --follow", "see every verdict, question and change of the rules as it happens")
    .example("fwctl --json events --follow --type verdict", "the verdicts alone, one JSON object a line")
    .action(
      withDaemon(io, async ({ api, json }, options: { follow?: boolean; type?: EventType[] }) => {
        await api.status.get.query();
        await follow<Event>(
          (handlers) => api.events.follow.subscribe({ types: options.type }, handlers),
          (event, stop) => {
            io.out(`${json ? safeJson(event) : eventText(event, io.paint)}\n`);
            if (!options.follow) stop();
          },
        );
      }),
    );
}
