import { FileError } from "../../ts/files/index.js";

/** The FileError that some work is refused with; anything else it does fails the test. */
export function errorOf(work: () => unknown): FileError {
  try {
    work();
  } catch (error) {
    if (error instanceof FileError) return error;
    throw error;
  }
  throw new Error("nothing was refused");
}
