import { constants } from "node:fs";
import { copyFile, link, open, realpath, rename, stat, unlink } from "node:fs/promises";
import { basename, dirname, join } from "node:path";

/** One step of a replacement: after each of them the file is whole, the old one or the new one. */
export type Step = { name: string; run(): Promise<void> };

/**
 * Replaces a file's content so that a crash at any moment leaves a whole file under its name, with the one before it as
 * `NAME.old`. Owner and mode stay; a new file gets `mode`. A symbolic link stays, its target is replaced.
 */
export async function replaceFile(path: string, content: string, mode: number): Promise<void> {
  for (const step of await replaceSteps(path, content, mode)) await step.run();
}

/** The steps of `replaceFile`, apart, so that a test can stop between any two. */
export async function replaceSteps(path: string, content: string, mode: number): Promise<Step[]> {
  const target = await realpath(path).catch(ifMissing(path));
  const before = await stat(target).catch(ifMissing(undefined));
  const directory = dirname(target);
  const fresh = join(directory, `.${basename(target)}.new`);
  const spare = join(directory, `.${basename(target)}.old.new`);
  const old = join(directory, `${basename(target)}.old`);

  const write = async () => {
    await remove(fresh);
    const file = await open(fresh, "wx", 0o600);
    try {
      await file.writeFile(content);
      if (before) await file.chown(before.uid, before.gid);
      await file.chmod(before ? before.mode & 0o7777 : mode);
      await file.sync();
    } catch (error) {
      await remove(fresh);
      throw error;
    } finally {
      await file.close();
    }
  };
  const keepOld = async () => {
    await remove(spare);
    await linkOrCopy(target, spare);
    await rename(spare, old);
    // rename does nothing where both names are links to one file, as after a crash before the next step.
    await remove(spare);
  };
  const swap = () => rename(fresh, target);
  const flush = async () => {
    const handle = await open(directory, constants.O_RDONLY | constants.O_DIRECTORY);
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  };
  return [
    { name: "write the new file beside it", run: write },
    ...(before ? [{ name: "keep the old one", run: keepOld }] : []),
    { name: "rename the new one", run: swap },
    { name: "flush the directory", run: flush },
  ];
}

/** The name must never be missing, so the old file gets a second name; file systems without hard links get a copy. */
async function linkOrCopy(from: string, to: string): Promise<void> {
  try {
    await link(from, to);
  } catch (error) {
    if (!["EPERM", "EMLINK", "ENOTSUP", "EOPNOTSUPP"].includes(codeOf(error) ?? "")) throw error;
    await copyFile(from, to);
  }
}

async function remove(path: string): Promise<void> {
  await unlink(path).catch(ifMissing(undefined));
}

function ifMissing<T>(value: T): (error: unknown) => T {
  return (error) => {
    if (codeOf(error) === "ENOENT") return value;
    throw error;
  };
}

function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException).code;
}
