/**
 * Waits until all have ended, then throws what failed first in their order: nothing is still being put in place while a caller
 * takes everything away.
 */
export async function allEnded<T>(running: readonly Promise<T>[]): Promise<T[]> {
  const results = await Promise.allSettled(running);
  return results.map((result) => {
    if (result.status === "rejected") throw result.reason;
    return result.value;
  });
}
