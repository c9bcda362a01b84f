import { readFile } from "node:fs/promises";
import { Failure } from "./failure.js";
import { safeLine } from "./text/sanitize.js";

/** Everything from a stream, as UTF-8. */
export async function readAll(stream: NodeJS.ReadableStream): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks).toString("utf8");
}

/** The text of a file; `-` is the stream. */
export async function readText(file: string, stream: NodeJS.ReadableStream): Promise<string> {
  if (file === "-") return readAll(stream);
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "";
    throw new Failure(`cannot read ${safeLine(file)}: ${CAUSES[code] ?? code}; name a file that you may read`);
  }
}

const CAUSES: Readonly<Record<string, string>> = {
  ENOENT: "there is no such file",
  EACCES: "no permission",
  EISDIR: "it is a directory",
  ENOTDIR: "a part of its path is no directory",
};
