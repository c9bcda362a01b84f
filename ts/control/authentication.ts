import { setTimeout as wait } from "node:timers/promises";
import type { Config } from "../model/config.js";
import { passwordMatches, sameText } from "./password.js";
import { createSerial } from "./serial.js";

/**
 * Whether this is the name and the password of the config. Tries are checked one after another, so that guessing costs one
 * CPU at most; one whose `signal` aborts while it waits is not checked.
 */
export type Authenticate = (username: string, password: string, signal?: AbortSignal) => Promise<boolean>;

/** Wrong tries of all clients slow down the next ones: by this many ms for each, at most for so many of them. */
const SLOWER_BY_MS = 5;
const COUNTED = 20;
/** One wrong try is forgotten in this many ms. */
const FORGET_MS = 3000;

export function createAuthentication(config: () => Config): Authenticate {
  const serial = createSerial();
  let wrong = 0;
  let counted = performance.now();
  const recent = () => {
    const forgotten = Math.floor((performance.now() - counted) / FORGET_MS);
    counted += forgotten * FORGET_MS;
    wrong = Math.max(0, wrong - forgotten);
    return wrong;
  };
  return (username, password, signal) =>
    serial(async () => {
      // First, so that tries of clients that have gone cost the others no time.
      if (signal?.aborted) return false;
      await wait(recent() * SLOWER_BY_MS);
      if (signal?.aborted) return false;
      const known = config();
      const matches = await passwordMatches(known.password, password);
      // Both are compared always: a wrong name must not be faster than a wrong password.
      if (sameText(known.username, username) && matches) return true;
      wrong = Math.min(COUNTED, recent() + 1);
      return false;
    });
}
