import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { arch } from "node:process";
import { fileURLToPath } from "node:url";

export type Addon = typeof import("../../bindings/index.js");

/** The native addon cannot be used; one line with the cause and what to do. */
export class AddonError extends Error {
  override readonly name = "AddonError";
}

/**
 * Loads the addon that was built for this machine. Throws an AddonError.
 *
 * By its one path, and not through the loader that napi-rs generates: there an environment variable could choose another
 * library, which is not for a process of root's.
 */
export function loadAddon(): Addon {
  // The same depth from ts/native and from dist/native.
  const path = fileURLToPath(new URL(`../../bindings/desktopfw.linux-${arch}-gnu.node`, import.meta.url));
  if (!existsSync(path)) throw new AddonError(`the native addon is missing (${path}); run npm run build:native`);
  try {
    return createRequire(import.meta.url)(path) as Addon;
  } catch (error) {
    const [cause] = String((error as Error).message).split("\n");
    throw new AddonError(`the native addon does not load (${cause}); run npm run build:native`);
  }
}
