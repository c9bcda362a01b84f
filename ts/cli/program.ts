import { Option } from "commander";
import { DEFAULT_SOCKET } from "../client/index.js";
import { DocumentedCommand } from "./command.js";
import { addAllow } from "./commands/allow.js";
import { addApps } from "./commands/apps.js";
import { addCompletion } from "./commands/completion.js";
import { addConfig } from "./commands/config.js";
import { addDeny } from "./commands/deny.js";
import { addDevices } from "./commands/devices.js";
import { addEvents } from "./commands/events.js";
import { addInterception } from "./commands/interception.js";
import { addQueries } from "./commands/queries.js";
import { addReject } from "./commands/reject.js";
import { addRules } from "./commands/rules.js";
import { addStatus } from "./commands/status.js";
import { addWatch } from "./commands/watch.js";
import type { Io } from "./io.js";

/** All of fwctl's commands. Errors of usage are thrown as CommanderErrors; nothing ends the process. */
export function createProgram(io: Io, version: string): DocumentedCommand {
  const program = new DocumentedCommand("fwctl")
    .description("see what the firewall does, answer its questions, change its rules")
    .version(version, "--version", "print the version")
    .addOption(new Option("--socket <path>", "the socket of fwdaemon").default(DEFAULT_SOCKET))
    .option("--json", "print JSON, as the schema says: one document, or one object a line for events and watch")
    .helpOption("-h, --help", "print this help")
    .helpCommand(false)
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({
      writeOut: io.out,
      writeErr: io.err,
      getOutHelpWidth: io.columns,
      getErrHelpWidth: io.columns,
      getOutHasColors: () => false,
      getErrHasColors: () => false,
      outputError: () => {},
    })
    .exitOverride()
    .example("fwctl watch", "answer questions as they come, with one key")
    .example("fwctl rules", "see the rules in the order in which they are tried");
  addStatus(program, io);
  addQueries(program, io);
  addAllow(program, io);
  addDeny(program, io);
  addReject(program, io);
  addWatch(program, io);
  addRules(program, io);
  addEvents(program, io);
  addConfig(program, io);
  addApps(program, io);
  addDevices(program, io);
  addInterception(program, io);
  addCompletion(program, io);
  return program;
}
