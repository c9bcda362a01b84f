import type { Client, Event, EventType } from "../../ts/client/index.js";

type Of<T extends EventType> = Extract<Event, { type: T }>;

export type Follower = {
  /** The next event of this type that meets the condition; one that has come already counts until it was given. */
  next<T extends EventType>(type: T, when?: (event: Of<T>) => boolean): Promise<Of<T>>;
  seen(): readonly Event[];
  stop(): void;
};

/** Follows the daemon's events, or with `queries` its questions, which counts as being there to answer. */
export async function follow(client: Client, what: "events" | "queries"): Promise<Follower> {
  const events: Event[] = [];
  const given = new Set<Event>();
  const watchers = new Set<() => void>();
  const failures: unknown[] = [];
  const wake = () => {
    for (const look of watchers) look();
  };
  let stop = () => {};
  await new Promise<void>((ready, failed) => {
    const handlers = {
      onStarted: () => ready(),
      onData: (event: Event) => {
        events.push(event);
        wake();
      },
      onError: (error: unknown) => {
        failures.push(error);
        failed(error);
        wake();
      },
    };
    const subscription =
      what === "queries"
        ? client.queries.watch.subscribe(undefined, handlers)
        : client.events.follow.subscribe({}, handlers);
    stop = () => subscription.unsubscribe();
  });
  const next: Follower["next"] = (type, when = () => true) =>
    new Promise((found, failed) => {
      const wanted = (event: Event): event is Of<typeof type> =>
        !given.has(event) && event.type === type && when(event as Of<typeof type>);
      const look = () => {
        const event = events.find(wanted);
        if (event === undefined && failures.length === 0) return;
        watchers.delete(look);
        if (event === undefined) return failed(failures[0]);
        given.add(event);
        found(event);
      };
      watchers.add(look);
      look();
    });
  return { next, seen: () => events, stop: () => stop() };
}
