import type { AppState, TextControl } from "../control.js";
import { clean, type Lines } from "../reply.js";

const HELP = [
  "Available APPS commands:",
  " APPS CHECK",
  " APPS STATUS",
  " APPS ADDCOMMITED application",
  " APPS COMMIT application",
  " APPS REMOVE application",
];

/** The three that take a path: what is done, and how the original said that it was, or was not. */
const CHANGES = {
  ADDCOMMITED: { change: "add", done: "ADDED and COMMITED", failed: "NOT ADDED and NOT COMMITED!" },
  COMMIT: { change: "commit", done: "COMMITED", failed: "NOT COMMITED!" },
  REMOVE: { change: "remove", done: "REMOVED", failed: "NOT REMOVED!" },
} as const;

export async function appsCommand({ apps }: TextControl, words: readonly string[]): Promise<Lines> {
  const [, command, ...rest] = words;
  switch (command) {
    case "CHECK":
      return [(await apps.check()) ? "APPS CHANGED" : "APPS NOT CHANGED"];
    case "STATUS":
      return (await apps.status()).map(stateLine);
    case "ADDCOMMITED":
    case "COMMIT":
    case "REMOVE": {
      // A path may hold blanks; it is all that follows.
      const path = rest.join(" ");
      if (path === "") return [`ERROR: APPS ${command} path`];
      const { change, done, failed } = CHANGES[command];
      const ok = await apps[change](path);
      return [ok ? `OK: APPLICATION [${path}] ${done}` : `ERROR: APPLICATION [${path}] ${failed}`];
    }
    default:
      return HELP;
  }
}

function stateLine({ path, changed, mtime, size, checksum }: AppState): string {
  const bit = (value: boolean) => (value ? 1 : 0);
  const what = `CHANGED: MTIME=${bit(mtime)} SIZE=${bit(size)} CHKSUM=${bit(checksum)}`;
  return `[${clean(path)}]: [${changed ? what : "NOT CHANGED"}]`;
}
