import type { App } from "../../model/query.js";
import { safe } from "./sanitize.js";
import { head, width } from "./width.js";

/** A word that is shown without quotes. `…` is our own mark. */
const PLAIN = /^[^\p{C}\p{Z}'"\\…]+$/u;

/** How a program was called, as in a shell: what could be taken for several words stands in quotes. */
export function argumentsText({ arguments: words, argumentsCut }: App): string | undefined {
  const shown = words?.map((word) => (PLAIN.test(word) ? safe(word) : `'${safe(word).replaceAll("'", "\\'")}'`));
  return shown && [...shown, ...(argumentsCut ? ["…"] : [])].join(" ");
}

/** `via /usr/bin/bash`: who started the program. */
export function parentText({ parents = [] }: App): string | undefined {
  return viaText(parents.slice(0, 1));
}

function viaText(parents: NonNullable<App["parents"]>): string | undefined {
  return parents.length === 0 ? undefined : `via ${parents.map(({ path }) => safe(path)).join(", ")}`;
}

/** Where it runs, unless that is where everything does. */
function placeText({ cgroup, mountNamespace }: App): string | undefined {
  const places = [
    cgroup !== undefined && cgroup !== "/" && `cgroup ${safe(cgroup)}`,
    mountNamespace !== undefined && `mount namespace ${mountNamespace}`,
  ].filter((place) => place !== false);
  return places.length === 0 ? undefined : `in ${places.join(", ")}`;
}

/**
 * What is known of the process beside its program: who started it, how, where it runs. Each in one line of at most `columns`,
 * cut at its end: the rest of a long one must not look like a line of ours.
 */
export function processLines(app: App, columns: number): string[] {
  const words = argumentsText(app);
  return [viaText(app.parents ?? []), words === undefined ? undefined : `started as ${words}`, placeText(app)]
    .filter((line) => line !== undefined)
    .map((line) => (width(line) <= columns ? line : `${head(line, columns - 1)}…`));
}
