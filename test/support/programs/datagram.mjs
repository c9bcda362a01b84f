// datagram.mjs HOST PORT SIZE: sends one UDP datagram of SIZE bytes and prints `reply SIZE` for what comes back, or the error.
import { createSocket } from "node:dgram";

const [host, port, size] = process.argv.slice(2);
const socket = createSocket(host.includes(":") ? "udp6" : "udp4");
socket.on("message", (message) => {
  console.log(`reply ${message.length}`);
  socket.close();
});
socket.on("error", (error) => {
  console.log(`error ${error.code}`);
  socket.close();
});
// Connected, so that ICMP errors reach the socket.
socket.connect(Number(port), host, () => socket.send(Buffer.alloc(Number(size), 46)));
