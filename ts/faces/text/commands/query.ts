import { RefusedError } from "../../../control/index.js";
import type { Query } from "../../../model/query.js";
import type { TextControl } from "../control.js";
import { clean, epoch, type Lines, wholeNumber } from "../reply.js";

const ADD_FORMS = [" QUERY ADD PERM qnumber [ANYWHERE]", " QUERY ADD SESS qnumber [ANYWHERE]"];
const HELP = ["Available QUERY commands:", " QUERY LIST", ...ADD_FORMS];
const ADD_USAGE = ["usage:", ...ADD_FORMS];

export async function queryCommand(control: TextControl, words: readonly string[]): Promise<Lines> {
  switch (words[1]) {
    case "LIST":
      return [`[QUERIES currtime=${epoch(Date.now())}]`, ...control.queries.list().map(queryLine)];
    case "ADD":
      return add(control, words.slice(2));
    default:
      return HELP;
  }
}

function queryLine({ id, interface: device, direction, source, destination, app, since }: Query): string {
  return [
    `Q[${id}]`,
    `IFACE[${clean(device)}]`,
    `DIR[${direction}]`,
    `SRCIP[${source.ip}]`,
    `DSTIP[${destination.ip}]`,
    `SPORT[${source.port}]`,
    `DPORT[${destination.port}]`,
    `APP[${clean(app.path)}]`,
    `INSTIME[${epoch(since)}]`,
  ].join(" ");
}

async function add({ queries }: TextControl, words: readonly string[]): Promise<Lines> {
  const [kind, word, scope, ...others] = words;
  const id = wholeNumber(word);
  const bad = (kind !== "SESS" && kind !== "PERM") || (scope !== undefined && scope !== "ANYWHERE");
  if (bad || id === undefined || others.length > 0) return ADD_USAGE;
  try {
    await queries.answer({
      id,
      action: "ACCEPT",
      lifetime: kind === "SESS" ? "session" : "permanent",
      scope: scope === "ANYWHERE" ? "anywhere" : "exact",
    });
  } catch (error) {
    if (error instanceof RefusedError && error.code === "NOT_FOUND") return [`ERROR: QUERY NUMBER [${id}] NOT FOUND`];
    throw error;
  }
  return [`QUERY NUMBER [${id}] ADDED TO RULES`];
}
