import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { FileError } from "./error.js";
import { replaceFile } from "./replace.js";

/**
 * What is known of a registered program beyond the original's file: the SHA-256 of the content that was accepted, for which
 * registration it holds, and how the file looked when it had that content.
 */
const KnownApp = z.object({
  mtime: z.number(),
  size: z.number(),
  checksum: z.number(),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  identity: z.string(),
});
export type KnownApp = z.infer<typeof KnownApp>;

const State = z.object({ version: z.literal(1), apps: z.record(z.string(), KnownApp) });

/** The file apps.json in the state directory. */
export type AppState = {
  readonly path: string;
  /** By path; empty where there is no file. Throws a FileError for one that is not ours or cannot be read. */
  load(): Promise<Map<string, KnownApp>>;
  /** Throws a FileError where it cannot be written. */
  save(apps: ReadonlyMap<string, KnownApp>): Promise<void>;
};

export function appState(directory: string): AppState {
  const path = join(directory, "apps.json");
  return {
    path,
    async load() {
      try {
        return new Map(Object.entries(State.parse(JSON.parse(await readFile(path, "utf8"))).apps));
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException;
        if (code === "ENOENT") return new Map();
        const problem = code ? `cannot be read (${code})` : "does not say what fwdaemon writes there";
        throw new FileError({ file: path }, problem, "the file as fwdaemon wrote it");
      }
    },
    async save(apps) {
      try {
        await mkdir(directory, { recursive: true, mode: 0o700 });
        const state = { version: 1, apps: Object.fromEntries(apps) };
        await replaceFile(path, `${JSON.stringify(state, null, 2)}\n`, 0o600);
      } catch (error) {
        const code = (error as NodeJS.ErrnoException).code ?? String(error);
        throw new FileError(
          { file: path },
          `cannot be written (${code})`,
          `a directory ${directory} with room to write`,
        );
      }
    },
  };
}
