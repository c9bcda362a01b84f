// A name server for one answer: every A question is 192.0.2.7, every AAAA question 2001:db8::7. UDP port 53, both families.
import { createSocket } from "node:dgram";

const ANSWERS = new Map([
  [1, Buffer.from([192, 0, 2, 7])],
  [28, Buffer.from("20010db8000000000000000000000007", "hex")],
]);

function answer(question) {
  let end = 12;
  while (question[end] !== 0) end += question[end] + 1;
  end += 5;
  const type = question.readUInt16BE(end - 4);
  const data = ANSWERS.get(type) ?? Buffer.alloc(0);
  const head = Buffer.from(question.subarray(0, end));
  head.writeUInt16BE(0x8180, 2);
  head.writeUInt16BE(data.length > 0 ? 1 : 0, 6);
  head.writeUInt32BE(0, 8);
  if (data.length === 0) return head;
  const record = Buffer.alloc(12);
  record.writeUInt16BE(0xc00c, 0);
  record.writeUInt16BE(type, 2);
  record.writeUInt16BE(1, 4);
  record.writeUInt32BE(60, 6);
  record.writeUInt16BE(data.length, 10);
  return Buffer.concat([head, record, data]);
}

const socket = createSocket("udp6");
socket.on("message", (message, from) => socket.send(answer(message), from.port, from.address));
socket.bind(53, "::", () => console.log("serving"));
