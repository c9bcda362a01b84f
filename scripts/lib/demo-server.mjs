// A small web server for the sandbox: answers every request with one line, on both families.
import { createServer } from "node:http";

const server = createServer((request, response) => {
  response.end(`hello from the demo server, you asked for ${request.url}\n`);
});
server.listen(Number(process.argv[2]), "::", () => console.log("listening"));
