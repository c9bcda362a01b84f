// Takes connections on a unix socket and carries each to a TCP port: relay.mjs PATH HOST PORT. A namespace shares the
// files of its outside, so a test reaches a port inside through it. Prints `relaying`.
import { connect, createServer } from "node:net";

const [path, host, port] = process.argv.slice(2);
const server = createServer({ allowHalfOpen: true }, (near) => {
  const far = connect({ host, port: Number(port), allowHalfOpen: true, noDelay: true });
  near.pipe(far);
  far.pipe(near);
  // An end is passed on by the pipe; a close without one is a lost connection, and passed on as a reset.
  near.on("error", () => {}).on("close", () => near.readableEnded || far.resetAndDestroy());
  far.on("error", () => {}).on("close", () => far.readableEnded || near.destroy());
});
server.listen(path, () => console.log("relaying"));
