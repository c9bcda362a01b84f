import type { Lab } from "../support/netns.js";
import type { Contender } from "./contenders.js";
import type { Row } from "./report.js";

/** What every row is given. `opensnitch` is undefined where it is not installed or does not start. */
export type Context = {
  lab: Lab;
  opensnitch: Contender | undefined;
  rounds: number;
  /** Connections of one turn with many at a time. */
  connections: number;
};

/** A row that can be asked for by its name. */
export type Bench = { name: string; measure(context: Context): Promise<Row> };

/**
 * Measures each variant once a round, so that what else the machine does meets everyone alike; each round begins with
 * another one. What a turn measured is appended under its own names.
 */
export async function inTurns<T extends { name: string; maxRounds?: number }>(
  what: string,
  rounds: number,
  variants: readonly T[],
  turn: (variant: T) => Promise<Record<string, number>>,
): Promise<Record<string, number[]>> {
  const values = new Map<string, number[]>();
  const results: Record<string, number>[][] = variants.map(() => []);
  for (let round = 0; round < rounds; round += 1) {
    for (let place = 0; place < variants.length; place += 1) {
      const index = (round + place) % variants.length;
      const variant = variants[index];
      if (variant === undefined || round >= (variant.maxRounds ?? rounds)) continue;
      const measured = await turn(variant);
      results[index]?.push(measured);
      console.error(`${what}, round ${round + 1} of ${rounds}, ${variant.name}: ${JSON.stringify(measured)}`);
    }
  }
  // In the order of the variants, whoever was first.
  for (const measured of results.flat()) {
    for (const [name, value] of Object.entries(measured)) values.set(name, [...(values.get(name) ?? []), value]);
  }
  return Object.fromEntries(values);
}

export function sleep(seconds: number): Promise<void> {
  return new Promise((done) => setTimeout(done, seconds * 1000));
}
