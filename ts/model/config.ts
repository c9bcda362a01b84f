import { isIP } from "node:net";
import { z } from "zod";
import { Action } from "./rule.js";

const boolean = z.enum(["yes", "no"]).transform((value) => value === "yes");
/** Decimal digits only: Number() alone would also take 0x50, 1e3 and an empty text. */
const whole = (min: number, max: number) =>
  z
    .string()
    .regex(/^\d{1,10}$/)
    .transform(Number)
    .pipe(z.number().int().min(min).max(max));
const seconds = whole(1, 86_400);

/**
 * The settings of `/etc/desktopfw/config`, each read from its text. The first six are the original's, and a file with only
 * those loads; the others are ours. Times are in seconds.
 */
export const Config = z.object({
  username: z.string().min(1).max(16).default("fwadmin"),
  /** `*` stands for no password set: nobody can authenticate. */
  password: z.string().min(1).default("*"),
  host: z
    .string()
    .refine((value) => isIP(value) !== 0, "expected an IP address")
    .default("127.0.0.1"),
  port: whole(1024, 65_535).default(32123),
  default_input_action: Action.default("ASK"),
  default_output_action: Action.default("ASK"),
  /** What decides a flow that would be asked about while no client is attached. */
  unattended_action: z.enum(["ACCEPT", "DROP", "ASK"]).default("ACCEPT"),
  /** What becomes of a flow of a registered program whose file has changed, where it would have been accepted. */
  changed_app_action: z.enum(["ASK", "DROP", "IGNORE"]).default("ASK"),
  /** What becomes of a packet that finds no place to wait: too many questions, or a full queue. */
  overflow_action: z.enum(["DROP", "ACCEPT"]).default("DROP"),
  query_timeout: seconds.default(60),
  session_idle: seconds.default(60),
  exempt_loopback: boolean.default(true),
  /** The bits of the packet and connection mark that are ours: at least two. */
  mark_mask: z
    .string()
    .regex(/^0x[0-9a-fA-F]{1,8}$/, "expected a hexadecimal mask such as 0x30000000")
    .transform(Number)
    .refine((mask) => bitCount(mask) >= 2, "expected at least two bits")
    .default(0x30000000),
});
export type Config = z.infer<typeof Config>;
export type ConfigKey = keyof Config;
export const CONFIG_KEYS = Object.keys(Config.shape) as ConfigKey[];
/** What each key takes, as the end of "expected ...". */
export const CONFIG_EXPECTED: Readonly<Record<ConfigKey, string>> = {
  username: "1 to 16 characters",
  password: "a password, or * for none",
  host: "an IP address",
  port: "a number from 1024 to 65535",
  default_input_action: "ASK, ACCEPT, DROP or REJECT",
  default_output_action: "ASK, ACCEPT, DROP or REJECT",
  unattended_action: "ACCEPT, DROP or ASK",
  changed_app_action: "ASK, DROP or IGNORE",
  overflow_action: "DROP or ACCEPT",
  query_timeout: "seconds from 1 to 86400",
  session_idle: "seconds from 1 to 86400",
  exempt_loopback: "yes or no",
  mark_mask: "a hexadecimal mask of at least two bits, such as 0x30000000",
};

function bitCount(mask: number): number {
  return mask.toString(2).replaceAll("0", "").length;
}

/** How a value stands in the file. */
export function configText(value: Config[ConfigKey], key: ConfigKey): string {
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (key === "mark_mask") return `0x${value.toString(16)}`;
  return String(value);
}
