import type { TRPCLink } from "@trpc/client";
import { observable } from "@trpc/server/observable";
import type { AppRouter } from "../faces/trpc/router.js";

/** A link that ends what runs through it when the client closes: an EventSource left alone would try again for ever. */
export function endingLink(): { link: TRPCLink<AppRouter>; end(): void } {
  const running = new Set<() => void>();
  return {
    link:
      () =>
      ({ op, next }) =>
        observable((observer) => {
          const subscription = next(op).subscribe(observer);
          const end = () => {
            running.delete(end);
            subscription.unsubscribe();
            observer.complete();
          };
          running.add(end);
          return () => {
            running.delete(end);
            subscription.unsubscribe();
          };
        }),
    end() {
      for (const end of [...running]) end();
    },
  };
}
