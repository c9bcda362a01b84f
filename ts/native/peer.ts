import type { Socket } from "node:net";
import type { Addon } from "./addon.js";

/** Who is at the other end of a unix socket, as the kernel tells. */
export type Peer = { pid: number; uid: number; gid: number; groups: readonly number[] };

/** The peer of a connected unix socket. Throws an Error where the kernel does not tell. */
export function peerOf(addon: Addon, socket: Socket): Peer {
  // Node has no public way to a socket's descriptor.
  const fd = (socket as unknown as { _handle?: { fd?: number } })._handle?.fd;
  if (fd === undefined || fd < 0) throw new Error("the connection has no descriptor");
  return addon.peerCredentials(fd);
}
