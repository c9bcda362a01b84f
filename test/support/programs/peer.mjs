// peer.mjs COUNT: a host of the network. Echoes TCP (after a first line "ready") on COUNT ports from 7000 on, and UDP on
// port 7000; answers HTTP on port 80; all on both families. Prints one line for each thing that reaches it.
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { createServer as createHttp } from "node:http";
import { createServer } from "node:net";

const echo = (socket) => {
  console.log(`tcp ${socket.remoteAddress} ${socket.remotePort}`);
  socket.on("error", (error) => console.log(`tcp-error ${socket.remotePort} ${error.code}`));
  socket.on("close", () => console.log(`tcp-close ${socket.remotePort}`));
  socket.write("ready\n");
  socket.pipe(socket);
};
const tcp = Array.from({ length: Number(process.argv[2]) }, (_, index) =>
  createServer(echo).listen(7000 + index, "::"),
);

const http = createHttp((_request, response) => response.end("page\n"));
http.listen(80, "::");

const udp = createSocket("udp6");
udp.on("message", (message, from) => {
  console.log(`udp ${from.address} ${from.port} ${message.toString().trim()}`);
  udp.send(message, from.port, from.address);
});
udp.bind(7000, "::");

await Promise.all([...tcp, http, udp].map((server) => once(server, "listening")));
console.log("serving");
