import { initTRPC, TRPCError } from "@trpc/server";
import { ZodError } from "zod";
import { InterceptionError, RefusedError } from "../../control/index.js";
import { DirectoryError, FileError, UnwritableError } from "../../files/index.js";
import { type Context, GROUP, type Role } from "./context.js";

const t = initTRPC.context<Context>().create({
  isDev: false,
  errorFormatter: ({ shape, error }) => ({ ...shape, message: oneLine(error) }),
  sse: { ping: { enabled: true, intervalMs: 15_000 }, client: { reconnectAfterInactivityMs: 45_000 } },
});

export const router = t.router;

/** For everybody who may look and answer. */
export const member = t.procedure.use(allow(["admin", "member"])).use(translateErrors());
/** For root: what changes the firewall. */
export const admin = t.procedure.use(allow(["admin"])).use(translateErrors());

/** What is wrong is neither the caller's input nor a bug: a file, a tool, or the daemon's state. */
const PRECONDITIONS = [FileError, DirectoryError, InterceptionError];

function allow(roles: readonly Role[]) {
  return t.middleware(({ ctx, path, next }) => {
    if (roles.includes(ctx.role)) return next();
    const remedy =
      ctx.role === "member"
        ? "members of the group may read and answer; use sudo"
        : `use sudo, or join the group ${GROUP}`;
    throw new TRPCError({ code: "FORBIDDEN", message: `${path} is not allowed for user ${ctx.peer.uid}; ${remedy}` });
  });
}

/** Errors of the use cases keep their one line and get the API's code. */
function translateErrors() {
  return t.middleware(async ({ next }) => {
    const result = await next();
    // An error that has its code already is the router's own.
    const cause = result.ok || result.error.code !== "INTERNAL_SERVER_ERROR" ? undefined : result.error.cause;
    if (cause instanceof UnwritableError) throw new TRPCError({ code: "BAD_REQUEST", message: cause.message, cause });
    if (cause instanceof RefusedError) throw new TRPCError({ code: cause.code, message: cause.message, cause });
    if (cause && (PRECONDITIONS.some((type) => cause instanceof type) || isStopped(cause))) {
      throw new TRPCError({ code: "PRECONDITION_FAILED", message: cause.message, cause });
    }
    return result;
  });
}

function isStopped(error: Error): boolean {
  return (error as NodeJS.ErrnoException).code === "Stopped";
}

function oneLine(error: TRPCError): string {
  const { cause } = error;
  const [issue] = cause instanceof ZodError ? cause.issues : [];
  const message = issue ? `${issue.path.join(".") || "input"}: ${issue.message}` : error.message;
  return message.split("\n", 1).join("");
}
