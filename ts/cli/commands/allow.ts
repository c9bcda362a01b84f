import type { DocumentedCommand } from "../command.js";
import type { Io } from "../io.js";
import { answering } from "./answer.js";

export function addAllow(program: DocumentedCommand, io: Io): void {
  const command = program.command("allow").description("answer a question: let it through");
  answering(command, io, "ACCEPT")
    .example("fwctl allow 7", "let question 7 through, and the program to that host and port while it is in use")
    .example("fwctl allow 7 --permanent --anywhere", "let the program talk to whomever it wants, from now on");
}
