import type { RegisteredApp } from "../../model/app.js";
import type { App } from "../../model/query.js";
import { safe } from "./sanitize.js";

/** `mtime, size`: what of a registered program's file is not as it was. */
export function differencesText({ mtime, size, checksum }: RegisteredApp): string {
  const parts = [mtime && "time", size && "size", checksum && "content"];
  return parts.filter((part) => part !== false).join(", ");
}

/** `/usr/bin/curl: time, content; matches package curl 7.88.1` */
export function appText(app: RegisteredApp): string {
  const owner = packageText(app.package);
  return `${safe(app.path)}: ${differencesText(app)}${owner === undefined ? "" : `; ${owner}`}`;
}

export function packageText(owner: string | undefined): string | undefined {
  return owner === undefined ? undefined : `matches package ${safe(owner)}`;
}

/** Why there is a question about a program that was allowed; undefined where its file is the registered one. */
export function changedText({ changed }: App): string | undefined {
  if (changed === undefined) return undefined;
  const owner = packageText(changed.package);
  return `the program's file changed since it was registered${owner === undefined ? "" : `; ${owner}`}`;
}
