import { chmod, chown, lstat, mkdir, unlink } from "node:fs/promises";
import { connect, type Server } from "node:net";
import { dirname } from "node:path";

/** The API's socket cannot be had; one line with cause and remedy. */
export class SocketError extends Error {
  override readonly name = "SocketError";
}

/** Linux's sun_path holds 108 bytes, the last one a zero. */
const LONGEST_PATH = 107;

/** Makes the socket's directory and clears a path that a killed daemon left. Throws a SocketError where another one answers. */
export async function claimSocket(path: string): Promise<void> {
  if (Buffer.byteLength(path) > LONGEST_PATH) {
    throw new SocketError(`the socket's path ${path} is too long for the kernel; name a shorter --socket`);
  }
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o755 });
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    throw new SocketError(`the directory ${dirname(path)} cannot be made (${code}); name another --socket`);
  }
  const found = await lstat(path).catch(() => undefined);
  if (!found) return;
  if (!found.isSocket())
    throw new SocketError(`${path} is there and is no socket; remove it, or name another --socket`);
  if (await answers(path)) {
    throw new SocketError(`another fwdaemon answers on ${path}; stop it first, or name another --socket`);
  }
  await unlink(path);
}

/** Listens with mode 0660 for root and the group; nobody else can connect at any moment. */
export async function listen(server: Server, path: string, group: number | undefined): Promise<void> {
  const before = process.umask(0o177);
  try {
    await new Promise<void>((resolve, reject) => {
      server.once("error", (error: NodeJS.ErrnoException) =>
        reject(new SocketError(`the socket ${path} cannot be opened (${error.code}); name another --socket`)),
      );
      // The socket is bound, with this mask, before listen() returns.
      server.listen(path, resolve);
      process.umask(before);
    });
  } finally {
    process.umask(before);
  }
  if (group !== undefined) await chown(path, process.getuid?.() ?? 0, group);
  await chmod(path, 0o660);
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "ECONNREFUSED" || error.code === "ENOENT") resolve(false);
      else reject(new SocketError(`the socket ${path} cannot be looked at (${error.code}); name another --socket`));
    });
  });
}
