import type { DocumentedCommand } from "../command.js";
import type { Io } from "../io.js";
import { answering } from "./answer.js";

export function addReject(program: DocumentedCommand, io: Io): void {
  const command = program
    .command("reject")
    .description("answer a question: refuse it at once, so that the program sees an error");
  answering(command, io, "REJECT")
    .example("fwctl reject 7", "answer the program with `connection refused`")
    .example("fwctl reject 7 --until-quit", "the same until its process ends");
}
