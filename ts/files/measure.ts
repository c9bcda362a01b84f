import { createHash, type Hash } from "node:crypto";
import { type BigIntStats, constants } from "node:fs";
import { open, stat } from "node:fs/promises";
import { checksum } from "./apps.js";

/** What tells that a file is still the same one, without reading it. `mtime` in seconds since the epoch, rounded down. */
export type Look = { identity: string; mtime: number; size: number };

/** A file's content. `md5` is there only for comparing with dpkg's database, and absent where the system forbids it. */
export type Measurement = Look & { checksum: number; sha256: string; md5?: string };

/** Read at a time: small enough that nothing else waits noticeably between two pieces. */
const PIECE = 256 * 1024;
/** The original wrote the size as an int. */
const LARGEST = 2 ** 31 - 1;
const ATTEMPTS = 3;

/** Looks at a file without reading it; undefined where it cannot be looked at or is no regular file. */
export async function lookAt(path: string): Promise<Look | undefined> {
  try {
    const found = await stat(path, { bigint: true });
    return found.isFile() ? lookOf(found) : undefined;
  } catch {
    return undefined;
  }
}

/** Reads a whole file, piece by piece. Throws an Error of one line for one that cannot be read, or that changes meanwhile. */
export async function measure(path: string): Promise<Measurement> {
  for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
    const measured = await readOnce(path);
    if (measured) return measured;
  }
  throw new Error("it changes while it is read");
}

async function readOnce(path: string): Promise<Measurement | undefined> {
  // Without O_NONBLOCK the open of a pipe would wait for a writer.
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const found = await file.stat({ bigint: true });
    if (!found.isFile()) throw new Error("it is no regular file");
    const before = lookOf(found);
    if (before.size > LARGEST) throw new Error(`it is larger than ${LARGEST} bytes`);
    const hash = createHash("sha256");
    const md5 = md5Hash();
    const buffer = Buffer.allocUnsafe(PIECE);
    let sum = 0;
    for (let read = 0; read <= before.size; ) {
      const { bytesRead } = await file.read(buffer, 0, PIECE, read);
      if (bytesRead === 0) break;
      const piece = buffer.subarray(0, bytesRead);
      hash.update(piece);
      md5?.update(piece);
      sum = checksum(piece, sum);
      read += bytesRead;
    }
    if (lookOf(await file.stat({ bigint: true })).identity !== before.identity) return undefined;
    return { ...before, checksum: sum, sha256: hash.digest("hex"), ...(md5 && { md5: md5.digest("hex") }) };
  } finally {
    await file.close();
  }
}

/** With the time of the last change of the inode, which nobody can set back as they can the modification time. */
function lookOf({ dev, ino, size, mtimeNs, ctimeNs }: BigIntStats): Look {
  const second = 1_000_000_000n;
  const mtime = mtimeNs / second - (mtimeNs % second < 0n ? 1n : 0n);
  return { identity: [dev, ino, size, mtimeNs, ctimeNs].join(":"), mtime: Number(mtime), size: Number(size) };
}

/** Systems that allow approved hashes only refuse this one. */
function md5Hash(): Hash | undefined {
  try {
    return createHash("md5");
  } catch {
    return undefined;
  }
}
