import { type FSWatcher, watch } from "node:fs";
import { basename, dirname } from "node:path";

/** Tells when one of some files may have changed, by inotify on their directories. It may miss changes; looks cover those. */
export type Watcher = {
  /** The files from now on. */
  follow(paths: readonly string[]): void;
  close(): void;
};

export function createWatcher(changed: () => void): Watcher {
  const directories = new Map<string, { names: Set<string>; watching: FSWatcher | undefined }>();
  const close = (directory: string) => {
    directories.get(directory)?.watching?.close();
    directories.delete(directory);
  };
  const open = (directory: string): FSWatcher | undefined => {
    try {
      const watching = watch(directory, { persistent: false }, (_event, name) => {
        // Without a name some were lost.
        if (name === null || directories.get(directory)?.names.has(name)) changed();
      });
      watching.on("error", () => close(directory));
      return watching;
    } catch {
      // A directory that is not there, or no inotify left.
      return undefined;
    }
  };
  return {
    follow(paths) {
      const wanted = new Map<string, Set<string>>();
      for (const path of paths) {
        const names = wanted.get(dirname(path)) ?? new Set();
        wanted.set(dirname(path), names.add(basename(path)));
      }
      for (const directory of directories.keys()) if (!wanted.has(directory)) close(directory);
      for (const [directory, names] of wanted) {
        const before = directories.get(directory);
        directories.set(directory, { names, watching: before?.watching ?? open(directory) });
      }
    },
    close() {
      for (const directory of [...directories.keys()]) close(directory);
    },
  };
}
