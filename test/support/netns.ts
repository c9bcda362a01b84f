import { existsSync } from "node:fs";
import type { Commands } from "../../ts/control/interception/command.js";
import { systemCommands } from "../../ts/control/interception/command.js";
import { type Finished, must, type Running, type RunOptions, run, start } from "./process.js";

const PREFIX = "fwtest";

/** Both families, with the tool that holds the rules of each. */
export const FAMILIES = [
  { family: "ipv4", tool: "iptables" },
  { family: "ipv6", tool: "ip6tables" },
] as const;

export type Addresses = { ipv4: string; ipv6: string };
export type Host = {
  readonly name: string;
  readonly address: Addresses;
  /** The command line that runs `argv` inside. */
  inside(argv: readonly string[]): string[];
  run(argv: readonly string[], options?: RunOptions): Promise<Finished>;
  must(argv: readonly string[], options?: RunOptions): Promise<string>;
  /** A program that is killed when the lab closes, if it still runs. */
  start(argv: readonly string[], options?: RunOptions): Running;
};

/** Two hosts joined by a veth pair: the firewall runs on `box`; `peer` is the network. */
export type Lab = { readonly box: Host; readonly peer: Host; close(): Promise<void> };

const counter = { value: 0 };

/** Needs root. The names carry this process's pid; what dead runs left is removed first. */
export async function createLab(): Promise<Lab> {
  await removeLeftovers();
  counter.value += 1;
  const id = counter.value;
  const running: Running[] = [];
  const hosts = (["box", "peer"] as const).map((role, index) =>
    host(
      `${PREFIX}-${process.pid}-${id}-${role}`,
      { ipv4: `10.77.${id}.${index + 1}`, ipv6: `fd77:${id}::${index + 1}` },
      running,
    ),
  );
  const [box, peer] = hosts as [Host, Host];
  const close = async () => {
    for (const program of running) program.kill("SIGKILL");
    await Promise.all(running.map(({ finished }) => finished));
    for (const { name } of hosts) await removeNamespace(name);
  };
  try {
    for (const { name } of hosts) await must(["ip", "netns", "add", name]);
    const veth = ["link", "add", "eth0", "type", "veth", "peer", "name", "eth0", "netns", peer.name];
    await must(["ip", "-n", box.name, ...veth]);
    for (const one of hosts) await bringUp(one);
    for (const address of Object.values(peer.address))
      await box.must(["ping", "-q", "-c", "1", "-w", "10", "-i", "0.2", address]);
  } catch (error) {
    await close();
    throw error;
  }
  return { box, peer, close };
}

/** The firewall's own commands, run inside a host. */
export function commandsIn({ name }: Host): Commands {
  return {
    has: systemCommands.has,
    run: async (tool, args, input = "") => {
      const { code, stdout, stderr } = await run(["ip", "netns", "exec", name, tool, ...args], { input });
      return { ok: code === 0, stdout, stderr };
    },
  };
}

function host(name: string, address: Addresses, running: Running[]): Host {
  // Not `ip netns exec`, which makes a mount namespace for each: programs and firewall share their files here as on a host.
  const inside = (argv: readonly string[]) => ["nsenter", `--net=/run/netns/${name}`, ...argv];
  return {
    name,
    address,
    inside,
    run: (argv, options) => run(inside(argv), options),
    must: (argv, options) => must(inside(argv), options),
    start: (argv, options) => {
      const program = start(inside(argv), options);
      running.push(program);
      return program;
    },
  };
}

async function bringUp({ name, address, must: inside }: Host): Promise<void> {
  // Without duplicate address detection an address is there at once.
  await inside(["sysctl", "-qw", "net.ipv6.conf.all.accept_dad=0", "net.ipv6.conf.default.accept_dad=0"]);
  await must(["ip", "-n", name, "address", "add", `${address.ipv4}/24`, "dev", "eth0"]);
  await must(["ip", "-n", name, "address", "add", `${address.ipv6}/64`, "dev", "eth0", "nodad"]);
  for (const device of ["lo", "eth0"]) await must(["ip", "-n", name, "link", "set", device, "up"]);
  // ICMP echo sockets for every group, so that an echo has a socket and with it a program.
  await inside(["sysctl", "-qw", "net.ipv4.ping_group_range=0 2147483647"]);
}

async function removeLeftovers(): Promise<void> {
  const names = (await must(["ip", "netns", "list"])).split("\n").map((line) => line.split(" ")[0] ?? "");
  for (const name of names) {
    const pid = new RegExp(`^${PREFIX}-(\\d+)-`).exec(name)?.[1];
    if (pid !== undefined && !existsSync(`/proc/${pid}`)) await removeNamespace(name);
  }
}

/** With every process that is still inside: they are the lab's children, or children of those. */
async function removeNamespace(name: string): Promise<void> {
  const { code, stdout } = await run(["ip", "netns", "pids", name]);
  if (code !== 0) return;
  for (const pid of stdout.split("\n").filter(Boolean)) {
    try {
      process.kill(Number(pid), "SIGKILL");
    } catch {
      // It has ended by itself.
    }
  }
  await run(["ip", "netns", "delete", name]);
}
