// connect.mjs HOST PORT COUNT: opens a TCP connection to each of the COUNT ports from PORT on, all at once, and keeps
// them. Prints `data` (a line), `error` and `close` as they come, and when every one is decided `outcomes {"connected":N,...}`.
// A line on standard input is sent on every open connection.
import { connect } from "node:net";
import { createInterface } from "node:readline";

const [host, port, count] = process.argv.slice(2);
const sockets = [];
const results = Array.from({ length: Number(count) }, (_, index) => {
  const socket = connect(Number(port) + index, host);
  sockets.push(socket);
  return new Promise((resolve) => {
    socket.on("connect", () => resolve("connected"));
    socket.on("error", (error) => {
      console.log(`error ${index} ${error.code}`);
      resolve(error.code);
    });
    const lines = createInterface(socket);
    lines.on("line", (line) => console.log(`data ${index} ${line}`));
    // The socket tells its errors itself.
    lines.on("error", () => {});
    socket.on("close", () => console.log(`close ${index}`));
  });
});
createInterface(process.stdin).on("line", (line) => {
  for (const socket of sockets) if (!socket.destroyed) socket.write(`${line}\n`);
});

const outcomes = {};
for (const outcome of await Promise.all(results)) outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
console.log(`outcomes ${JSON.stringify(outcomes)}`);
