import { Argument } from "commander";
import { type Client, connect } from "../../client/index.js";
import type { DocumentedCommand } from "../command.js";
import { type Candidate, complete, type Source } from "../completion/complete.js";
import { SCRIPTS, SHELLS, type Shell } from "../completion/scripts.js";
import type { Io } from "../io.js";
import type { GlobalOptions } from "../session.js";
import { peerText, programText } from "../text/flow.js";
import { ruleText } from "../text/rule.js";
import { safe } from "../text/sanitize.js";

export function addCompletion(program: DocumentedCommand, io: Io): void {
  program
    .command("completion")
    .description("print the script that makes a shell complete fwctl's commands, options and ids")
    .addArgument(new Argument("<shell>", "the shell").choices(SHELLS))
    .example("source <(fwctl completion bash)", "complete in this bash; put the line into ~/.bashrc to keep it")
    .action((shell: Shell) => io.out(SCRIPTS[shell]));
  program
    .command("__complete", { hidden: true })
    .argument("[words...]")
    .action(async (words: string[]) => {
      const { candidates, source, socket } = complete(program, words);
      const last = words.at(-1) ?? "";
      const listed =
        source === undefined || source === "files"
          ? []
          : await ask(source, socket ?? program.opts<GlobalOptions>().socket);
      const all = [...candidates, ...listed.filter(({ value }) => value.startsWith(last))];
      io.out(all.map(({ value, about }) => `${value}\t${about}\n`).join("") + (source === "files" ? ":files\n" : ""));
    });
}

/** A person waits for the completion: better none than a late one. */
const PATIENCE = 1000;

/** What the daemon has open; nothing when it does not answer, for there is no place to say so. */
async function ask(source: Exclude<Source, "files">, socket: string): Promise<Candidate[]> {
  const client = connect({ socket });
  try {
    return await LISTS[source](client, AbortSignal.timeout(PATIENCE));
  } catch {
    return [];
  } finally {
    await client.close();
  }
}

const LISTS: Readonly<Record<Exclude<Source, "files">, (api: Client, signal: AbortSignal) => Promise<Candidate[]>>> = {
  async queries(api, signal) {
    const queries = await api.queries.list.query(undefined, { signal });
    return queries.map((query) => ({
      value: String(query.id),
      about: `${programText(query.app)}, ${peerText(query)}`,
    }));
  },
  async rules(api, signal) {
    const rules = await api.rules.list.query(undefined, { signal });
    return rules.map((rule) => ({ value: String(rule.id), about: ruleText(rule) }));
  },
  async apps(api, signal) {
    const apps = await api.apps.list.query(undefined, { signal });
    return apps
      .filter(({ path }) => safe(path) === path)
      .map(({ path, changed }) => ({ value: path, about: changed ? "has changed" : "not changed" }));
  },
  async devices(api, signal) {
    const devices = await api.devices.list.query(undefined, { signal });
    return devices
      .filter(({ name }) => safe(name) === name)
      .map(({ name, index }) => ({ value: name, about: `interface ${index}` }));
  },
};
