import { Option } from "commander";
import type { Answer, Query } from "../../model/query.js";
import type { DocumentedCommand } from "../command.js";
import type { Io } from "../io.js";
import { duration, id } from "../parse/fields.js";
import { withDaemon } from "../session.js";
import { answeredText } from "../text/rule.js";

export interface AnswerOptions {
  once?: boolean;
  session?: boolean;
  permanent?: boolean;
  /** Milliseconds. */
  for?: number;
  untilQuit?: boolean;
  exact?: boolean;
  host?: boolean;
  anywhere?: boolean;
}

const LIFETIMES = ["once", "session", "permanent", "for", "untilQuit"];
const SCOPES = ["exact", "host", "anywhere"];

/** A set of options of which at most one may be given. */
function oneOf(names: string[], option: Option): Option {
  return option.conflicts(names.filter((name) => name !== option.attributeName()));
}

/** Gives a command its id and the options that say how long the answer lasts and how far it reaches. */
export function answering(command: DocumentedCommand, io: Io, action: Answer["action"]): DocumentedCommand {
  const lifetime = (flags: string, does: string) => oneOf(LIFETIMES, new Option(flags, does));
  const scope = (flags: string, does: string) => oneOf(SCOPES, new Option(flags, does));
  return command
    .argument("<id>", "the question, as `fwctl queries` numbers it", id)
    .addOption(lifetime("--once", "let go what waits, and make no rule"))
    .addOption(lifetime("--session", "make a rule that goes after a while without use (the default)"))
    .addOption(lifetime("--permanent", "make a rule that stays, in the rules file"))
    .addOption(
      lifetime("--for <span>", "make a rule that ends after this long, such as 90s, 15m, 1h30m or 2d").argParser(
        duration,
      ),
    )
    .addOption(lifetime("--until-quit", "make a rule that ends with the program's process"))
    .addOption(scope("--exact", "the rule names this very flow: addresses and ports of both ends"))
    .addOption(scope("--host", "the rule names the other host and the service's port (the default)"))
    .addOption(scope("--anywhere", "the rule names the program only, whatever it talks to"))
    .action(
      withDaemon(io, async ({ api, print }, query: Query["id"], options: AnswerOptions) => {
        const answer = answerOf(query, action, options, io.now());
        const { released, rule } = await api.queries.answer.mutate(answer);
        print({ released, rule }, () => [answeredText(action, released, rule, io.now())]);
      }),
    );
}

/** What the options say, as the API takes it. */
export function answerOf(query: number, action: Answer["action"], options: AnswerOptions, now: number): Answer {
  const scope = options.exact ? "exact" : options.anywhere ? "anywhere" : "host";
  if (options.for !== undefined) return { id: query, action, lifetime: "until", scope, expiresAt: now + options.for };
  if (options.once) return { id: query, action, lifetime: "once", scope };
  if (options.permanent) return { id: query, action, lifetime: "permanent", scope };
  if (options.untilQuit) return { id: query, action, lifetime: "process", scope };
  return { id: query, action, lifetime: "session", scope };
}
