import { ruleLine } from "../support/daemon.js";

/** A rule that never decides a connection of the load: of another program, or of any program with another destination. */
export type OtherRule = { program: string } | { destination: string };

export function otherRules(count: number): OtherRule[] {
  return Array.from({ length: count }, (_, number) =>
    number % 2 === 0
      ? { program: `/opt/other/program-${number}` }
      : { destination: `10.200.${(number >> 8) & 0xff}.${number & 0xff}` },
  );
}

/** The others first, then the rules that let these programs out: the last of all decides. */
export function ruleLines(programs: readonly string[], others: number): string[] {
  const outgoing = { direction: "outgoing", protocol: "tcp" };
  return [
    ...otherRules(others).map((rule, number) =>
      "program" in rule
        ? ruleLine({ ...outgoing, action: "ACCEPT", app: rule.program })
        : ruleLine({
            ...outgoing,
            destination: `${rule.destination}/32`,
            port: String(1 + ((number >> 1) % 60_000)),
            action: "DROP",
          }),
    ),
    ...programs.map((app) => ruleLine({ ...outgoing, action: "ACCEPT", app })),
  ];
}
