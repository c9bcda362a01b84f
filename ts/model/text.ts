import { isIP } from "node:net";

/** Direction of a flow, seen from this machine. */
export type Direction = "incoming" | "outgoing";

/** Names of protocols as rules spell them, with their IANA numbers. `icmp` stands for ICMP on IPv4 and ICMPv6 on IPv6. */
export const PROTOCOL_NUMBERS: Readonly<Record<string, number>> = {
  icmp: 1,
  igmp: 2,
  tcp: 6,
  udp: 17,
  dccp: 33,
  gre: 47,
  esp: 50,
  ah: 51,
  icmpv6: 58,
  ospf: 89,
  sctp: 132,
  udplite: 136,
};

const PROTOCOL_NAMES = new Map(Object.entries(PROTOCOL_NUMBERS).map(([name, number]) => [number, name]));

/** `tcp` for 6; a protocol without a name here is its decimal number. */
export function protocolName(number: number): string {
  return PROTOCOL_NAMES.get(number) ?? String(number);
}

/** The protocol's number, or undefined for `any`. Throws a TextError for a name that is not known. */
export function protocolNumber(name: string): number | undefined {
  if (name === "any") return undefined;
  const known = PROTOCOL_NUMBERS[name];
  if (known !== undefined) return known;
  if (/^\d{1,3}$/.test(name) && Number(name) <= 255) return Number(name);
  throw new TextError(
    `protocol "${name}" is not known`,
    `any, ${Object.keys(PROTOCOL_NUMBERS).join(", ")}, or a number 0-255`,
  );
}

/** A piece of text that does not say what it should; `expected` is what would have been accepted. */
export class TextError extends Error {
  override readonly name = "TextError";
  constructor(
    readonly problem: string,
    readonly expected: string,
  ) {
    super(`${problem}; expected ${expected}`);
  }
}

/** A host field in its canonical form: `any`, or ADDRESS/PREFIX. A bare address gets its full prefix; `0/0` and `*` are `any`. */
export function parseHost(text: string): string {
  if (text === "any" || text === "*" || text === "0/0") return "any";
  const expected = "an address or CIDR such as 10.0.0.0/8 or fd00::/8, or 0/0 for any";
  const [address = "", prefix, ...rest] = text.split("/");
  const family = isIP(address);
  const bits = family === 4 ? 32 : 128;
  if (family === 0 || rest.length > 0) throw new TextError(`host "${text}" is not an address or CIDR`, expected);
  if (prefix === undefined) return `${address}/${bits}`;
  if (!/^\d{1,3}$/.test(prefix) || Number(prefix) > bits)
    throw new TextError(`prefix "/${prefix}" is out of range`, `/0 to /${bits}`);
  return `${address}/${Number(prefix)}`;
}

/** A port field in its canonical form: `any`, `80`, or `8000-8080`; `0` and `*` are `any`. */
export function parsePorts(text: string): string {
  if (text === "any" || text === "*" || text === "0") return "any";
  const match = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(text);
  const from = Number(match?.[1]);
  const to = Number(match?.[2] ?? match?.[1]);
  if (!match || from > 65535 || to > 65535 || from > to || to === 0) {
    throw new TextError(`port "${text}" is not a port or a range`, "0 for any, 1-65535, or a range such as 8000-8080");
  }
  return from === to ? String(from) : `${from}-${to}`;
}

/** First and last port of a canonical port field; undefined for `any`. */
export function portRange(text: string): { from: number; to: number } | undefined {
  if (text === "any") return undefined;
  const [from = "0", to = from] = text.split("-");
  return { from: Number(from), to: Number(to) };
}
