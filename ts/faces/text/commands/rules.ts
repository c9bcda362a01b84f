import { formatRuleLine } from "../../../files/index.js";
import { Action, AppField, HostField, InterfaceField, PortsField, type Rule, RuleInput } from "../../../model/rule.js";
import type { TextControl } from "../control.js";
import { clean, epoch, fourDigits, type Lines, wholeNumber } from "../reply.js";

const ADD_SESSION = " RULES ADD SESS iface dir proto srchost srcport dsthost dstport action application";
const ADD_PERMANENT = " RULES ADD PERM iface dir proto srchost srcport dsthost dstport action application";
const REMOVE_PERMANENT = " RULES REMOVE PERM rule_number";
const REMOVE_SESSION = " RULES REMOVE SESS rule_number";
const HELP = ["Available RULES commands:", " RULES LIST", ADD_SESSION, ADD_PERMANENT, REMOVE_PERMANENT, REMOVE_SESSION];
const ADD_USAGE = [
  "usage:",
  ADD_SESSION,
  ADD_PERMANENT,
  " note: SESSion entry is inserted at the beginning of the rules, ",
  "       PERManent entry at the end",
];
const REMOVE_USAGE = ["usage:", REMOVE_PERMANENT, REMOVE_SESSION];
const DIRECTIONS = ["incoming", "outgoing"];
const PROTOCOLS = ["icmp", "tcp", "udp", "ip"];
const LONGEST_APPLICATION = 256;

export async function rulesCommand(control: TextControl, words: readonly string[]): Promise<Lines> {
  switch (words[1]) {
    case "LIST":
      return list(control);
    case "ADD":
      return add(control, words.slice(2));
    case "REMOVE":
      return remove(control, words.slice(2));
    default:
      return HELP;
  }
}

function list({ policy }: TextControl): Lines {
  const { session, permanent } = numbered(policy.list());
  const line = (rule: Rule, number: number, kind: string, since: number) => {
    const lastActivity = epoch(rule.lastUsed ?? since);
    return `[${fourDigits(number)}] ${kind}\t${columns(rule)}\t${lastActivity}\t${rule.hits}`;
  };
  return [
    `[RULES currtime=${epoch(Date.now())}]`,
    ...session.map((rule, number) => line(rule, number, "SESS", policy.addedAt(rule.id) ?? 0)),
    ...permanent.map((rule, number) => line(rule, number, "PERM", 0)),
  ];
}

/** The columns are those of the rules file; cleaned one by one, as a cleaned tab would separate none. */
function columns(rule: Rule): string {
  return formatRuleLine(rule).split("\t").map(clean).join("\t");
}

/** Each kind is numbered from 0; whatever is not permanent is of the session here. */
function numbered(rules: readonly Rule[]): { session: Rule[]; permanent: Rule[] } {
  return {
    session: rules.filter(({ lifetime }) => lifetime !== "permanent"),
    permanent: rules.filter(({ lifetime }) => lifetime === "permanent"),
  };
}

async function add({ policy }: TextControl, words: readonly string[]): Promise<Lines> {
  if (words.length !== 10) return ADD_USAGE;
  const problem = firstProblem(words);
  if (problem !== undefined) return [`ERROR: RULES ADD - ${problem}`];
  const [kind, device, direction, protocol, source, sourcePort, destination, destinationPort, action, app] = words;
  await policy.add(
    RuleInput.parse({
      lifetime: kind === "SESS" ? "session" : "permanent",
      interface: device,
      direction,
      protocol: protocol?.toLowerCase(),
      source: { host: source, ports: sourcePort },
      destination: { host: destination, ports: destinationPort },
      action: action?.toUpperCase(),
      app,
    }),
  );
  return ["OK: RULES ADD"];
}

/** In the original's order. The last two lines are our own: what the original took there, no rule of ours can say. */
function firstProblem(words: readonly string[]): string | undefined {
  const [kind = "", device = "", direction = "", protocol = "", source = "", sourcePort = ""] = words;
  const [destination = "", destinationPort = "", action = "", app = ""] = words.slice(6);
  const fits = (schema: { safeParse(value: string): { success: boolean } }, word: string) =>
    schema.safeParse(word).success;
  if (kind !== "SESS" && kind !== "PERM") return `arg [${kind}] must be SESS or PERM`;
  if (!DIRECTIONS.includes(direction.toLowerCase())) return `unknown direction [${direction}]:`;
  if (!PROTOCOLS.includes(protocol.toLowerCase())) return `unknown protocol [${protocol}]:`;
  if (!fits(HostField, source)) return `can't parse cidr src address [${source}]:`;
  if (!fits(HostField, destination)) return `can't parse cidr dst address [${destination}]:`;
  if (!fits(PortsField, sourcePort)) return `src port [${sourcePort}] out of range <0,65535>`;
  if (!fits(PortsField, destinationPort)) return `dst port [${destinationPort}] out of range <0,65535>`;
  if (!fits(Action, action.toUpperCase())) return `action uknown [${action}]`;
  if (app.length > LONGEST_APPLICATION) return `application can't be no longer than 256 characters [${app}]`;
  if (!fits(AppField, app)) return `application must be an absolute path [${app}]`;
  if (!fits(InterfaceField, device)) return `interface must have 1 to 15 characters [${device}]`;
  return undefined;
}

async function remove({ policy }: TextControl, words: readonly string[]): Promise<Lines> {
  const [kind, word, ...others] = words;
  const number = wholeNumber(word);
  if ((kind !== "SESS" && kind !== "PERM") || number === undefined || others.length > 0) return REMOVE_USAGE;
  const { session, permanent } = numbered(policy.list());
  const rule = (kind === "SESS" ? session : permanent)[number];
  if (!rule) return [`ERROR: Rule number [${fourDigits(number)}] not found in ${kind} rules`];
  await policy.remove(rule.id);
  return kind === "SESS"
    ? [`OK: Session rule [${number}, index=${number}] removed`]
    : [`OK: Permantent rule [${number}, index=${session.length + number}] removed`];
}
