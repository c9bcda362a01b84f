import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { promisify } from "node:util";
import type { Device } from "../model/status.js";
import { RefusedError } from "./refused.js";

const run = promisify(execFile);

/**
 * The interfaces of the daemon's own network namespace, in the kernel's order. The counters are /proc/self/net/dev's. The
 * index comes from rtnetlink through `ip`: /sys/class/net may be another namespace's, and what else /proc/net tells of
 * indexes leaves out interfaces without an address. Throws a RefusedError where `ip` is missing.
 */
export async function listDevices(): Promise<Device[]> {
  const [counters, links] = await Promise.all([readFile("/proc/self/net/dev", "utf8"), listLinks()]);
  const indexes = new Map(links.map(({ ifname, ifindex }) => [ifname, ifindex]));
  return parseNetDev(counters).flatMap((device) => {
    const index = indexes.get(device.name);
    return index === undefined ? [] : [{ ...device, index }];
  });
}

async function listLinks(): Promise<{ ifname: string; ifindex: number }[]> {
  try {
    const { stdout } = await run("ip", ["-json", "link", "show"], { maxBuffer: 16 * 1024 * 1024, timeout: 10_000 });
    return JSON.parse(stdout) as { ifname: string; ifindex: number }[];
  } catch (error) {
    const cause =
      (error as NodeJS.ErrnoException).code === "ENOENT" ? "the command ip is missing" : "the command ip failed";
    throw new RefusedError("PRECONDITION_FAILED", `${cause}; install the package iproute2`);
  }
}

/** Reads /proc/net/dev: two lines of titles that name the columns, then `NAME: counters`. */
export function parseNetDev(text: string): Omit<Device, "index">[] {
  const [, titles = "", ...lines] = text.split("\n");
  const [, receive = [], transmit = []] = titles.split("|").map((part) => part.trim().split(/\s+/));
  return lines.flatMap((line) => {
    // A name may hold a colon, as in eth0:1; the counters never do.
    const colon = line.lastIndexOf(":");
    if (colon < 0) return [];
    const values = line
      .slice(colon + 1)
      .trim()
      .split(/\s+/)
      .map(Number);
    const named = (names: string[], from: number) =>
      Object.fromEntries(names.map((name, index) => [name, values[from + index] ?? 0]));
    return [
      { name: line.slice(0, colon).trim(), receive: named(receive, 0), transmit: named(transmit, receive.length) },
    ];
  });
}
