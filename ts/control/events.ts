import type { Event, EventType } from "../model/event.js";

/** How many events a subscriber may lag behind before it loses some. */
const CAPACITY = 1024;

/** One subscriber's events, in order. Where it was too slow, an `events-dropped` says how many it lost. */
export type Subscription = AsyncIterable<Event> & { close(): void };

/** Hands each event to whoever follows. Publishing never waits for a subscriber. */
export type EventHub = {
  publish(event: Event): void;
  /** Events from now on, of these types or of all; ends with `close()` or when `signal` aborts. */
  subscribe(types?: readonly EventType[], signal?: AbortSignal): Subscription;
  /** Ends every subscription. */
  close(): void;
};

/** `verdictsWanted` is told when the first subscriber to verdicts comes and when the last one has gone. */
export function createEventHub(verdictsWanted: (wanted: boolean) => void = () => {}, capacity = CAPACITY): EventHub {
  const buffers = new Set<Buffer>();
  let verdicts = 0;
  return {
    publish(event) {
      for (const buffer of buffers) buffer.push(event);
    },
    subscribe(types, signal) {
      const wants = (type: EventType) => types === undefined || types.includes(type);
      const counts = wants("verdict");
      const buffer = new Buffer(wants, capacity, () => {
        buffers.delete(buffer);
        signal?.removeEventListener("abort", close);
        if (counts && --verdicts === 0) verdictsWanted(false);
      });
      const close = () => buffer.close();
      buffers.add(buffer);
      if (counts && ++verdicts === 1) verdictsWanted(true);
      if (signal?.aborted) close();
      else signal?.addEventListener("abort", close);
      return buffer;
    },
    close() {
      for (const buffer of [...buffers]) buffer.close();
    },
  };
}

class Buffer implements Subscription {
  #events: Event[] = [];
  #dropped = 0;
  #closed = false;
  #wake: () => void = () => {};

  constructor(
    private readonly wants: (type: EventType) => boolean,
    private readonly capacity: number,
    private readonly onClose: () => void,
  ) {}

  push(event: Event): void {
    if (this.#closed) return;
    if (event.type === "events-dropped") this.#dropped += event.count;
    else if (!this.wants(event.type)) return;
    else if (this.#events.length < this.capacity) this.#events.push(event);
    else this.#dropped += 1;
    this.#wake();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.onClose();
    this.#wake();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Event> {
    try {
      while (!this.#closed) {
        const events = this.#events;
        const dropped = this.#dropped;
        this.#events = [];
        this.#dropped = 0;
        yield* events;
        if (dropped > 0) yield { type: "events-dropped", at: Date.now(), count: dropped };
        if (this.#events.length === 0 && this.#dropped === 0 && !this.#closed) {
          await new Promise<void>((resolve) => {
            this.#wake = resolve;
          });
        }
      }
    } finally {
      this.close();
    }
  }
}
