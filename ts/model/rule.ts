import { z } from "zod";
import { parseHost, parsePorts, protocolNumber, TextError } from "./text.js";

export const Action = z.enum(["ACCEPT", "DROP", "REJECT", "ASK"]);
export type Action = z.infer<typeof Action>;

/**
 * How long a rule lives: `permanent` ones are in the rules file; `session` ones go after `idleLimit` seconds without use;
 * `until` ones at `expiresAt`; `process` ones when the process they are bound to has ended.
 */
export const Lifetime = z.enum(["permanent", "session", "until", "process"]);
export type Lifetime = z.infer<typeof Lifetime>;

/** Turns a text parser into a schema, so that one definition serves the files, the command line and the API. */
function text(parse: (value: string) => string) {
  return z.string().transform((value, context) => {
    try {
      return parse(value);
    } catch (error) {
      if (!(error instanceof TextError)) throw error;
      const { message, problem, expected } = error;
      context.addIssue({ code: "custom", message, params: { problem, expected } });
      return z.NEVER;
    }
  });
}

export const HostField = text(parseHost);
export const PortsField = text(parsePorts);
export const ProtocolField = text((value) => {
  const name = value === "*" || value === "ip" ? "any" : value.toLowerCase();
  protocolNumber(name);
  return name;
});
export const DirectionField = text((value) => {
  const name = value === "*" ? "any" : value.toLowerCase();
  if (name !== "any" && name !== "incoming" && name !== "outgoing") {
    throw new TextError(`direction "${value}" is not known`, "incoming, outgoing or any");
  }
  return name;
}).pipe(z.enum(["any", "incoming", "outgoing"]));
/** Linux's IFNAMSIZ leaves 15 characters for an interface's name. */
export const InterfaceField = text((value) => {
  if (value === "*" || value === "any") return "any";
  if (!/^[^\s/]{1,15}$/.test(value))
    throw new TextError(`interface "${value}" is not a name`, "1 to 15 characters without blanks, or * for any");
  return value;
});
/** `any`, `unknown` (the program could not be found out), or an absolute path. */
export const AppField = text((value) => {
  if (value === "*" || value === "any") return "any";
  if (value === "unknown") return value;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what must not pass here
  if (!value.startsWith("/") || /[\u0000-\u001f\u007f]/.test(value) || value.length > 4095 || value !== value.trim()) {
    throw new TextError(`program ${JSON.stringify(value)} is not a path`, "an absolute path, unknown, or * for any");
  }
  return value;
});

export const Endpoint = z.object({ host: HostField.default("any"), ports: PortsField.default("any") });
const anyEndpoint = { host: "any", ports: "any" };

/** What a rule says, without its life: the fields that decide whether it matches, and what then happens. */
export const RuleFields = z.object({
  action: Action,
  direction: DirectionField.default("any"),
  interface: InterfaceField.default("any"),
  protocol: ProtocolField.default("any"),
  source: Endpoint.default(anyEndpoint),
  destination: Endpoint.default(anyEndpoint),
  app: AppField.default("any"),
});
export type RuleFields = z.infer<typeof RuleFields>;

/** The part of a rule that says when it ends. `idleLimit` in seconds, `expiresAt` in milliseconds since the epoch. */
export const RuleLife = z.object({
  lifetime: Lifetime.default("permanent"),
  idleLimit: z.number().int().positive().optional(),
  expiresAt: z.number().int().positive().optional(),
  process: z.object({ pid: z.number().int().positive(), startTime: z.number().int().nonnegative() }).optional(),
});

/** What `rules add` takes. */
export const RuleInput = RuleFields.extend(RuleLife.shape);
export type RuleInput = z.infer<typeof RuleInput>;

/** A rule as the daemon holds it; `lastUsed` in milliseconds since the epoch, null when it never matched. */
export const Rule = RuleInput.extend({
  id: z.number().int().positive(),
  hits: z.number().int().nonnegative(),
  lastUsed: z.number().nullable(),
});
export type Rule = z.infer<typeof Rule>;
