// block.mjs WS_URL MS: through the inspector of a node process, keeps its event loop busy for MS. Prints what the process
// is asked to do as it happens: `blocked` once it runs, `over` when the loop is free again.
import { WebSocket } from "undici";

const [url, ms] = process.argv.slice(2);
const busy = `console.log("event loop blocked"); for (const end = Date.now() + ${Number(ms)}; Date.now() < end;);`;
const socket = new WebSocket(url);
let commands = 0;
const send = (method, params = {}) => {
  commands += 1;
  socket.send(JSON.stringify({ id: commands, method, params }));
};
socket.onopen = () => {
  send("Runtime.enable");
  send("Runtime.evaluate", { expression: busy });
};
socket.onmessage = ({ data }) => {
  const message = JSON.parse(data);
  if (message.method === "Runtime.consoleAPICalled") console.log("blocked");
  if (message.id !== 2) return;
  console.log(message.result?.exceptionDetails ? `failed ${data}` : "over");
  socket.close();
};
