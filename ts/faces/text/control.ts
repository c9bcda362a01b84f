import type { Control } from "../../control/index.js";

/** What the text protocol uses of the use cases. */
export type TextControl = Pick<Control, "policy" | "queries" | "settings" | "authenticate" | "devices"> & {
  readonly apps: Apps;
};

/** The register of known programs. Where a change is answered with false, the original said ERROR. */
export type Apps = {
  /** Whether a registered file has changed since it was committed. */
  check(): Promise<boolean>;
  status(): Promise<readonly AppState[]>;
  add(path: string): Promise<boolean>;
  commit(path: string): Promise<boolean>;
  remove(path: string): Promise<boolean>;
};

/** A registered program, and what of its file has changed. */
export type AppState = { path: string; changed: boolean; mtime: boolean; size: boolean; checksum: boolean };
