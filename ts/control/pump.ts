import type { CoreEvent, CoreEvents } from "../native/index.js";

/** Events taken in one turn of the event loop, so that a flood of them does not starve the API. */
const BATCH = 256;
/** Batches taken at once by `drain`: while packets make events faster than they are taken, it must still come to an end. */
const MOST_AT_ONCE = 64;

/** Empties the addon's ring of events after its doorbell. */
export type Pump = {
  /** Events wait: take them in the next turns. */
  ring(): void;
  /** Takes what waits now, at once; after a flood, its older part. */
  drain(): void;
  stop(): void;
};

/** `drainEvents` is the addon's; `deliver` gets each event, `lost` the number of those that the ring had no room for. */
export function createPump(
  drainEvents: (max: number) => CoreEvents,
  deliver: (event: CoreEvent) => void,
  lost: (count: number) => void,
): Pump {
  let running = false;
  let stopped = false;
  const take = (): boolean => {
    const batch = drainEvents(BATCH);
    for (const event of batch.events) deliver(event);
    if (batch.dropped > 0) lost(batch.dropped);
    return batch.more;
  };
  const turn = () => {
    running = false;
    if (stopped || !take()) return;
    schedule();
  };
  const schedule = () => {
    if (running || stopped) return;
    running = true;
    setImmediate(turn);
  };
  return {
    ring: schedule,
    drain() {
      for (let taken = 0; taken < MOST_AT_ONCE && !stopped && take(); taken += 1);
    },
    stop() {
      stopped = true;
    },
  };
}
