import { Failure } from "./failure.js";

/** What a tRPC subscription tells; the parts that matter here. */
export interface SubscriptionHandlers<T> {
  onData(value: T): void;
  onError(error: unknown): void;
  onStopped(): void;
  onComplete(): void;
  onConnectionStateChange(state: { state: string; error: unknown }): void;
}
export type Subscribe<T> = (handlers: SubscriptionHandlers<T>) => { unsubscribe(): void };

/**
 * Follows a subscription until `onData` calls `stop` or `signal` aborts; then the promise is fulfilled. It rejects as soon as
 * the connection is lost: tRPC would try again for ever, but what happened meanwhile would be missing.
 */
export function follow<T>(
  subscribe: Subscribe<T>,
  onData: (value: T, stop: () => void) => void,
  signal?: AbortSignal,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const ending = new AbortController();
    const end = (settle: () => void) => {
      if (ending.signal.aborted) return;
      ending.abort();
      settle();
    };
    const lose = () => end(() => reject(lost()));
    signal?.addEventListener("abort", () => end(resolve), { once: true });
    const subscription = subscribe({
      onData(value) {
        if (ending.signal.aborted) return;
        try {
          onData(value, () => end(resolve));
        } catch (error) {
          end(() => reject(error));
        }
      },
      onError: lose,
      onStopped: lose,
      onComplete: lose,
      onConnectionStateChange({ state, error }) {
        if (state === "connecting" && error) lose();
      },
    });
    if (ending.signal.aborted || signal?.aborted) {
      subscription.unsubscribe();
      end(resolve);
    } else {
      ending.signal.addEventListener("abort", () => subscription.unsubscribe(), { once: true });
    }
  });
}

function lost(): Failure {
  return new Failure("fwdaemon went away; see with `fwctl status` whether it runs, then start this again");
}
