import type { DocumentedCommand } from "../command.js";
import type { Io } from "../io.js";
import { answering } from "./answer.js";

export function addDeny(program: DocumentedCommand, io: Io): void {
  const command = program
    .command("deny")
    .description("answer a question: drop it silently, so that the program waits until it gives up");
  answering(command, io, "DROP")
    .example("fwctl deny 7 --once", "drop what waits now, and ask again the next time")
    .example("fwctl deny 7 --for 1h", "drop it, and whatever goes to that host and port within the hour");
}
