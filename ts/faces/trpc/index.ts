export { type ApiOptions, serveApi } from "./server.js";
export { claimSocket, SocketError } from "./socket.js";
