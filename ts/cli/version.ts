import { readFileSync } from "node:fs";

/** The version in package.json, which is two folders up from both the source and what is built from it. */
export function packageVersion(): string {
  const text = readFileSync(new URL("../../package.json", import.meta.url), "utf8");
  const { version } = JSON.parse(text) as { version: string };
  return version;
}
