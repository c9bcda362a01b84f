import { createServer } from "node:http";
import type { Socket } from "node:net";
import { createHTTPHandler } from "@trpc/server/adapters/standalone";
import type { Control, Log } from "../../control/index.js";
import { groupNumber } from "../../files/index.js";
import { type Addon, type Peer, peerOf } from "../../native/index.js";
import { type Context, GROUP, roleOf } from "./context.js";
import { createRouter } from "./router.js";
import { listen } from "./socket.js";

/** Room for `rules.check` with a file of 100,000 rules; what others may send is small. */
const ADMIN_BODY = 32 * 1024 * 1024;
const MEMBER_BODY = 1024 * 1024;
/** Connections of one user at a time, so that one cannot keep the others out. */
const PER_USER = 128;

export type ApiOptions = { control: Control; addon: Addon; socket: string; log: Log };

/** Serves the API on the unix socket. `close` ends every connection and removes the socket. Throws a SocketError. */
export async function serveApi({ control, addon, socket, log }: ApiOptions): Promise<{ close(): Promise<void> }> {
  const group = groupNumber(GROUP);
  const peers = new WeakMap<Socket, Context>();
  const connections = new Map<number, number>();
  const router = createRouter(control);

  const handler = (maxBodySize: number) =>
    createHTTPHandler({
      router,
      maxBodySize,
      allowBatching: false,
      // Inputs of queries may be longer than a URL can be.
      allowMethodOverride: true,
      createContext: ({ req }) => contextOf(req.socket),
      onError: ({ error, path }) => {
        if (error.code === "INTERNAL_SERVER_ERROR") log.error(`${path ?? "request"} failed: ${error.message}`);
      },
    });
  const contextOf = (connection: Socket): Context => {
    const context = peers.get(connection);
    if (!context) throw new Error("the connection has no credentials");
    return context;
  };
  const forAdmin = handler(ADMIN_BODY);
  const forMember = handler(MEMBER_BODY);
  const server = createServer({ requestTimeout: 30_000 }, (request, response) => {
    const { role } = contextOf(request.socket);
    return (role === "admin" ? forAdmin : forMember)(request, response);
  });

  server.on("connection", (connection) => {
    let peer: Peer;
    try {
      peer = peerOf(addon, connection);
    } catch (error) {
      log.warning(`a connection was refused: ${(error as Error).message}`);
      connection.destroy();
      return;
    }
    const open = connections.get(peer.uid) ?? 0;
    if (open >= PER_USER) {
      log.warning(`a connection of user ${peer.uid} was refused: it has ${open} open`);
      connection.destroy();
      return;
    }
    connections.set(peer.uid, open + 1);
    connection.once("close", () => {
      const left = (connections.get(peer.uid) ?? 1) - 1;
      if (left > 0) connections.set(peer.uid, left);
      else connections.delete(peer.uid);
    });
    peers.set(connection, { peer, role: roleOf(peer, group) });
  });

  await listen(server, socket, group);
  return {
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
