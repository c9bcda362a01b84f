import { z } from "zod";
import { AppField } from "./rule.js";

/** The path of a program to register: absolute, and neither `any` nor `unknown`. */
export const AppPath = AppField.refine((path) => path.startsWith("/"), "a program is named by its absolute path");

/**
 * A registered program beside its file as it is now. `mtime`, `size` and `checksum` say which of the three differ; the
 * last also covers a content that only its SHA-256 tells apart. A file that cannot be read differs in all of them.
 * `package` is set where the package manager's own database knows the changed content: name and version.
 */
export const RegisteredApp = z.object({
  path: z.string(),
  changed: z.boolean(),
  mtime: z.boolean(),
  size: z.boolean(),
  checksum: z.boolean(),
  package: z.string().optional(),
});
export type RegisteredApp = z.infer<typeof RegisteredApp>;
