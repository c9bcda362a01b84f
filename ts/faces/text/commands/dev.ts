import type { Device } from "../../../model/status.js";
import type { TextControl } from "../control.js";
import { clean, type Lines } from "../reply.js";

const HELP = ["Available DEV commands:", " DEV LIST", " DEV STATS"];
const RULE = "-".repeat(38);
/** The original's names, each behind `r` and `t`. The kernel counts no frames and no multicasts that were sent: 0. */
const COUNTERS = ["bytes", "packets", "errs", "drop", "fifo", "frame", "compressed", "multicast"];

export async function devCommand(control: TextControl, words: readonly string[]): Promise<Lines> {
  switch (words[1]) {
    case "LIST":
      return (await ordered(control)).map(({ name, index }, number) => `[${number}] ${clean(name)} nlifidx=${index}`);
    case "STATS":
      return stats(control, words[2]);
    default:
      return HELP;
  }
}

/** Loopback first, the others by the kernel's numbers. */
async function ordered({ devices }: TextControl): Promise<Device[]> {
  const loopbackFirst = (device: Device) => (device.name === "lo" ? 0 : device.index);
  return (await devices()).toSorted((a, b) => loopbackFirst(a) - loopbackFirst(b));
}

async function stats(control: TextControl, name: string | undefined): Promise<Lines> {
  if (name === undefined || name === "") return ["usage: DEV STATS interface"];
  const devices = await ordered(control);
  const number = devices.findIndex((device) => device.name === name);
  const device = devices[number];
  if (!device) return [`ERROR: DEV STATS interface [can't find iface=${name}]`];
  const counters = (prefix: string, values: Device["receive"]) =>
    COUNTERS.map((column) => `${prefix}${column}: [${values[column] ?? 0}]`);
  return [
    `DevIndex: [${number}]`,
    `Interface: [${clean(device.name)}]`,
    `NLIFIndex: [${device.index}]`,
    ...counters("r", device.receive),
    ...counters("t", device.transmit),
    RULE,
  ];
}
