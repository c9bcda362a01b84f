/** A use case says no. The message is one line with the cause, and the remedy where there is one. */
export class RefusedError extends Error {
  override readonly name = "RefusedError";
  constructor(
    readonly code: "BAD_REQUEST" | "NOT_FOUND" | "PRECONDITION_FAILED" | "CONFLICT",
    message: string,
  ) {
    super(message);
  }
}
