import { describe, expect, test } from "vitest";
import { createEventHub } from "../../../ts/control/events.js";
import { createPump } from "../../../ts/control/pump.js";
import { createSerial } from "../../../ts/control/serial.js";
import type { Event } from "../../../ts/model/event.js";

const problem = (message: string): Event => ({ type: "problem", at: 1, message });
const closed = (id: number): Event => ({
  type: "query-closed",
  at: 1,
  id,
  verdict: "DROP",
  reason: { kind: "timeout" },
});

async function take(events: AsyncIterable<Event>, count: number): Promise<Event[]> {
  const taken: Event[] = [];
  for await (const event of events) if (taken.push(event) === count) break;
  return taken;
}

describe("a subscriber", () => {
  test("gets what is published after it came, in order, of its types only", async () => {
    const hub = createEventHub();
    hub.publish(closed(1));
    const subscription = hub.subscribe(["query-closed"]);
    hub.publish(closed(2));
    hub.publish(problem("x"));
    hub.publish(closed(3));
    expect(await take(subscription, 2)).toEqual([closed(2), closed(3)]);
  });

  test("is woken by an event that comes while it waits", async () => {
    const hub = createEventHub();
    const waiting = take(hub.subscribe(), 1);
    await Promise.resolve();
    hub.publish(problem("late"));
    expect(await waiting).toEqual([problem("late")]);
  });

  test("that is too slow keeps the oldest events and is told how many it lost", async () => {
    const hub = createEventHub(() => {}, 2);
    const subscription = hub.subscribe();
    for (let id = 1; id <= 5; id += 1) hub.publish(closed(id));
    const [first, second, lost] = await take(subscription, 3);
    expect([first, second]).toEqual([closed(1), closed(2)]);
    expect(lost).toMatchObject({ type: "events-dropped", count: 3 });
  });

  test("learns of events that were lost before the hub, whatever types it wants", async () => {
    const hub = createEventHub();
    const subscription = hub.subscribe(["flow-cut"]);
    hub.publish({ type: "events-dropped", at: 1, count: 4 });
    expect(await take(subscription, 1)).toMatchObject([{ type: "events-dropped", count: 4 }]);
  });

  test.each(["close", "abort", "hub"])("ends when told to by %s", async (how) => {
    const hub = createEventHub();
    const controller = new AbortController();
    const subscription = hub.subscribe(undefined, controller.signal);
    const all = take(subscription, 99);
    await Promise.resolve();
    if (how === "close") subscription.close();
    else if (how === "abort") controller.abort();
    else hub.close();
    expect(await all).toEqual([]);
  });
});

test("verdicts are wanted from the first subscriber to them until the last has gone", async () => {
  const told: boolean[] = [];
  const hub = createEventHub((wanted) => told.push(wanted));
  hub.subscribe(["query-closed"]).close();
  expect(told).toEqual([]);
  const first = hub.subscribe(["verdict"]);
  const second = hub.subscribe();
  first.close();
  first.close();
  expect(told).toEqual([true]);
  second.close();
  expect(told).toEqual([true, false]);
});

describe("the pump", () => {
  const ring = (total: number) => {
    let left = total;
    return (max: number) => {
      const count = Math.min(max, left);
      left -= count;
      const events = Array.from({ length: count }, () => ({ type: "problem" as const, at: 1, message: "m" }));
      return { events, dropped: left === 0 && count > 0 ? 3 : 0, more: left > 0 };
    };
  };

  test("takes all that waits after one ring, a batch a turn", async () => {
    let turns = 0;
    let taken = 0;
    const source = ring(600);
    await new Promise<void>((resolve) => {
      const pump = createPump(
        (max) => {
          turns += 1;
          return source(max);
        },
        () => {
          taken += 1;
        },
        (lost) => {
          expect(lost).toBe(3);
          resolve();
        },
      );
      pump.ring();
      pump.ring();
      expect(turns).toBe(0);
    });
    expect([turns, taken]).toEqual([3, 600]);
  });

  test("takes at once what a change must know, and nothing after its end", () => {
    let taken = 0;
    const count = () => {
      taken += 1;
    };
    const pump = createPump(ring(300), count, () => {});
    pump.drain();
    expect(taken).toBe(300);
    const flood = createPump(
      () => ({ events: [], dropped: 0, more: true }),
      count,
      () => {},
    );
    flood.drain();
    const ended = createPump(ring(300), count, () => {});
    ended.stop();
    ended.drain();
    expect(taken).toBe(300);
  });
});

test("serial work waits for the work before it, and a failure fails nobody else", async () => {
  const serial = createSerial();
  const order: string[] = [];
  let release = () => {};
  const first = serial(async () => {
    await new Promise<void>((resolve) => {
      release = resolve;
    });
    order.push("first");
    throw new Error("no");
  });
  const second = serial(async () => order.push("second"));
  await Promise.resolve();
  expect(order).toEqual([]);
  release();
  await expect(first).rejects.toThrow("no");
  await second;
  expect(order).toEqual(["first", "second"]);
});
