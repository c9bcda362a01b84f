import type { Device } from "../../model/status.js";
import type { DocumentedCommand } from "../command.js";
import { Failure } from "../failure.js";
import type { Io } from "../io.js";
import { withDaemon } from "../session.js";
import { safe } from "../text/sanitize.js";
import type { Paint } from "../text/style.js";
import { type Column, table } from "../text/table.js";

export function addDevices(program: DocumentedCommand, io: Io): void {
  const devices = program.command("devices").description("the network interfaces and their counters");
  devices
    .command("list", { isDefault: true })
    .description("each interface, with what it received and sent")
    .example("fwctl devices", "see the interfaces that rules can name")
    .action(
      withDaemon(io, async ({ api, print }) => {
        const list = await api.devices.list.query();
        print(list, () => deviceLines(list, io.columns(), io.paint));
      }),
    );
  devices
    .command("stats")
    .description("all counters of one interface")
    .argument("<name>", "the interface")
    .example("fwctl devices stats eth0", "see its packets, errors and drops, both ways")
    .action(
      withDaemon(io, async ({ api, print }, name: string) => {
        const device = (await api.devices.list.query()).find((candidate) => candidate.name === name);
        if (!device)
          throw new Failure(`there is no interface "${safe(name)}"; see \`fwctl devices\` for those there are`);
        print(device, () => statsLines(device, io.columns(), io.paint));
      }),
    );
}

const LIST: Column[] = [
  { title: "INDEX", align: "right" },
  { title: "NAME" },
  { title: "RECEIVED", align: "right" },
  { title: "PACKETS", align: "right" },
  { title: "SENT", align: "right" },
  { title: "PACKETS", align: "right" },
];

export function deviceLines(devices: Device[], columns: number, paint: Paint): string[] {
  if (devices.length === 0) return ["there are no interfaces"];
  const rows = devices.map(({ index, name, receive, transmit }) => ({
    cells: [
      String(index),
      { text: safe(name), tone: "strong" as const },
      bytes(receive.bytes),
      String(receive.packets ?? "-"),
      bytes(transmit.bytes),
      String(transmit.packets ?? "-"),
    ],
  }));
  return table(LIST, rows, columns, paint);
}

export function statsLines(device: Device, columns: number, paint: Paint): string[] {
  const names = [...new Set([...Object.keys(device.receive), ...Object.keys(device.transmit)])];
  const rows = names.map((name) => ({
    cells: [safe(name), String(device.receive[name] ?? "-"), String(device.transmit[name] ?? "-")],
  }));
  const titles: Column[] = [
    { title: safe(device.name) },
    { title: "RECEIVE", align: "right" },
    { title: "TRANSMIT", align: "right" },
  ];
  return table(titles, rows, columns, paint);
}

const UNITS = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];

/** `1.5 MiB`; `-` when it is not counted. */
export function bytes(count: number | undefined): string {
  if (count === undefined) return "-";
  const power = Math.min(UNITS.length - 1, Math.floor(Math.log2(Math.max(1, count)) / 10));
  const value = count / 1024 ** power;
  return `${power === 0 ? value : value.toFixed(1)} ${UNITS[power]}`;
}
