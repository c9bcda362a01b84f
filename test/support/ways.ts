import { chmod, copyFile, readFile, realpath } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { onTestFinished } from "vitest";
import type { Host } from "./netns.js";
import { must, type Running, run, start } from "./process.js";
import { temporaryDirectory } from "./scene.js";

/** The program of everybody whom no rule is about. */
export const PYTHON = "/usr/bin/python3";
const programs = resolve("test/support/programs/ways");

/** What witness.py serves. */
const TAKES = 9200;
const SENDS_BACK = 9201;
const DATAGRAMS = 9202;
/** Where a fence ends; see fence.py. */
export const FENCE = 9999;

export type Direction = "outgoing" | "incoming";
/** Where the packets of a way are seen, and to what address they go. */
export type Road = "ipv4" | "ipv6" | "loopback";
/** A way of sending: `name` as docs/ways.md has it, `way` as send.py has it. */
export type Sending = { name: string; way: string; port: number; over?: Road };
/** A way of receiving: `way` as receive.py has it; `feed` is how send.py sends to it. */
export type Receiving = { name: string; way: string; feed: string; over?: "ipv4" | "ipv6" };

const TCP = { port: TAKES };
const UDP = { port: DATAGRAMS };

export const BULK: Sending = { name: "bulk TCP", way: "bulk", ...TCP };
export const DUPLEX: Sending = { name: "duplex TCP", way: "duplex", port: SENDS_BACK };
/** Each is named, and each is stopped. */
export const SENDING: readonly Sending[] = [
  BULK,
  DUPLEX,
  { name: "UDP", way: "datagrams", ...UDP },
  { name: "ICMP echo", way: "echo", port: 0 },
  { name: "ICMP echo, raw socket", way: "raw-echo", port: 0 },
  { name: "ICMPv6 echo", way: "echo", port: 0, over: "ipv6" },
  { name: "UDP/443, as QUIC", way: "quic", port: 443 },
  { name: "IPv6 TCP", way: "bulk", ...TCP, over: "ipv6" },
  { name: "small UDP/53", way: "dns", port: 53 },
  { name: "raw IP", way: "raw", port: 0 },
  { name: "raw IPv6", way: "raw", port: 0, over: "ipv6" },
  { name: "raw IP, own header", way: "raw-header", ...UDP },
  { name: "raw IP, hand-made TCP", way: "raw-tcp", ...TCP },
  { name: "Multipath TCP", way: "multipath", ...TCP },
  { name: "short-lived processes", way: "short-lived", ...UDP },
  { name: "io_uring send", way: "uring-send", ...TCP },
  { name: "io_uring send, worker thread", way: "uring-worker", ...TCP },
  { name: "io_uring send, polled ring", way: "uring-polled", ...TCP },
  { name: "io_uring send, UDP", way: "uring-datagram", ...UDP },
  { name: "sendfile", way: "sendfile", ...TCP },
  { name: "sendmmsg", way: "sendmmsg", ...UDP },
  { name: "loopback TCP", way: "bulk", ...TCP, over: "loopback" },
  { name: "loopback UDP", way: "datagrams", ...UDP, over: "loopback" },
  { name: "slow drip", way: "slow-drip", ...TCP },
  { name: "many small connections", way: "many-small", ...TCP },
  { name: "parallel burst", way: "burst", ...TCP },
  { name: "splice", way: "splice", ...TCP },
  { name: "IPv6 UDP", way: "datagrams", ...UDP, over: "ipv6" },
];

export const RECEIVING: readonly Receiving[] = [
  { name: "incoming bulk TCP", way: "accept", feed: "bulk" },
  { name: "incoming IPv6 TCP", way: "accept", feed: "bulk", over: "ipv6" },
  { name: "incoming UDP", way: "datagrams", feed: "datagrams" },
  { name: "io_uring recv", way: "uring-recv", feed: "bulk" },
  { name: "recvmmsg", way: "recvmmsg", feed: "datagrams" },
];

/** Only where the kernel has the protocol. */
export const SCTP: Sending = { name: "SCTP", way: "sctp", port: 9203 };
/** Sent below the hooks of IP. */
export const PACKET: Sending = { name: "AF_PACKET", way: "packet", ...UDP };
/** Sent in a namespace of its own, and forwarded here. */
export const CONTAINER: Sending = { name: "another network namespace", way: "bulk", ...TCP };
/** The same, with a firewall there. */
export const GUARDED: Sending = { name: "another network namespace, fwdaemon in it", way: "bulk", ...TCP };

/** A copy of the interpreter, so that its path is one program's alone. It goes with the test. */
export async function ownProgram(name: string): Promise<string> {
  const directory = await temporaryDirectory();
  const program = join(directory, name);
  await copyFile(await realpath(PYTHON), program);
  await chmod(directory, 0o755);
  return program;
}

/** What the kernel needs for a way that not every kernel has, tried in Python. */
const NEEDS = [
  { ways: /^sctp$/, name: "SCTP", attempt: "import socket as s; s.socket(s.AF_INET, s.SOCK_STREAM, s.IPPROTO_SCTP)" },
  { ways: /^uring/, name: "io_uring", attempt: "import uring; uring.Ring()" },
];

/** What the kernel lacks for a way, as one line. */
export async function lack(way: string): Promise<string | undefined> {
  const need = NEEDS.find(({ ways }) => ways.test(way));
  if (need === undefined) return undefined;
  const { code, stderr } = await run([PYTHON, "-B", "-c", need.attempt], { cwd: programs });
  return code === 0 ? undefined : `this kernel lacks ${need.name}: ${stderr.trim().split("\n").at(-1)}`;
}

/** Sends in a way; `sent` is 0 where the network did not let it. Anything else that fails is an error. */
export async function send(from: Host, program: string, { way, port }: Sending, address: string) {
  const argv = [program, "-B", join(programs, "send.py"), way, address, String(port)];
  const { code, signal, stdout, stderr } = await from.run(argv);
  const sent = Number(/^sent (\d+)$/m.exec(stdout)?.[1] ?? 0);
  if (code === 0 ? sent === 0 : code !== 3) {
    throw new Error(`${basename(program)} ${way} ended with ${code ?? signal}: ${stdout}${stderr}`);
  }
  return { sent, said: stderr.trim() };
}

/** Opens a connection from send.py's own port (40000) and keeps it for as long as the test runs. */
export async function hold(from: Host, program: string, address: string): Promise<void> {
  const running = from.start([program, "-B", join(programs, "send.py"), "hold", address, String(TAKES)]);
  onTestFinished(async () => {
    running.kill("SIGKILL");
    await running.finished;
  });
  await running.waitFor(/^connected$/m);
}

export type Arrived = { packets: number; bytes: number };
/** What arrived from one address for another. */
export type Arrivals = (source: string, destination: string) => Arrived;
export type Witness = {
  /** All that arrived since the last call, of what `from` had sent before this one, from whichever CPU. */
  arrivals(from: Host): Promise<Arrivals>;
};

/** Watches an interface of a host, and serves those who send to it. `fence` is an address of its, open to everybody. */
export async function witness(host: Host, device: string, fence: string): Promise<Witness> {
  const program = host.start([PYTHON, "-B", join(programs, "witness.py"), device]);
  onTestFinished(async () => {
    program.kill();
    await program.finished;
  });
  await program.waitFor(/^watching$/m);
  const reports = { asked: 0 };
  return {
    async arrivals(from) {
      await from.must([PYTHON, "-B", join(programs, "fence.py"), fence]);
      reports.asked += 1;
      const [, report = ""] = await program.waitFor(new RegExp(`^watching\\n(?:(\\{.*\\})\\n){${reports.asked}}`));
      const ends = JSON.parse(report) as Record<string, Arrived>;
      return (source, destination) => ends[`${source} ${destination}`] ?? { packets: 0, bytes: 0 };
    },
  };
}

export type Listener = {
  /** Resolves when the program has got so many bytes in all. */
  hasGot(bytes: number): Promise<void>;
  /** Ends it; how many bytes it got, with all that waited for it in the kernel. */
  end(): Promise<number>;
};

export async function listen(on: Host, program: string, way: string, address: string, port: number): Promise<Listener> {
  const running: Running = on.start([program, "-B", join(programs, "receive.py"), way, address, String(port)]);
  onTestFinished(async () => {
    running.kill("SIGKILL");
    await running.finished;
  });
  await running.waitFor(/^listening$/m);
  return {
    hasGot: async (bytes) => {
      await running.waitFor(new RegExp(`^got ${bytes}$`, "m"));
    },
    async end() {
      running.write("\n");
      const [, bytes] = await running.waitFor(/^in all (\d+)$/m);
      return Number(bytes);
    },
  };
}

/** A network namespace behind a veth pair, routed by `box` to `peer`, as a container's is. It goes with the test. */
export async function container(box: Host, peer: Host): Promise<Host> {
  const address = { ipv4: "10.78.0.2", ipv6: "fd78::2" };
  const holder = box.start(["unshare", "--net", "sh", "-c", "echo separate; exec sleep infinity"]);
  await holder.waitFor(/^separate$/m);
  const inside = (argv: readonly string[]) => ["nsenter", `--net=/proc/${holder.pid}/ns/net`, ...argv];
  onTestFinished(async () => {
    await peer.run(["ip", "route", "delete", "10.78.0.0/24"]);
    // The link goes with the namespace, and that with its last process.
    holder.kill("SIGKILL");
    await holder.finished;
  });
  await box.must(["ip", "link", "add", "veth0", "type", "veth", "peer", "name", "eth0", "netns", String(holder.pid)]);
  await box.must(["ip", "address", "add", "10.78.0.1/24", "dev", "veth0"]);
  await box.must(["ip", "link", "set", "veth0", "up"]);
  await box.must(["sysctl", "-qw", "net.ipv4.ip_forward=1"]);
  await must(inside(["ip", "address", "add", `${address.ipv4}/24`, "dev", "eth0"]));
  for (const device of ["lo", "eth0"]) await must(inside(["ip", "link", "set", device, "up"]));
  await must(inside(["ip", "route", "add", "default", "via", "10.78.0.1"]));
  await peer.must(["ip", "route", "add", "10.78.0.0/24", "via", box.address.ipv4]);
  return {
    name: "container",
    address,
    inside,
    run: (argv, options) => run(inside(argv), options),
    must: (argv, options) => must(inside(argv), options),
    start: (argv, options) => start(inside(argv), options),
  };
}

/** A row of the table in docs/ways.md. */
export type Row = { name: string; named: string; stopped: string };

export async function documented(): Promise<Row[]> {
  const page = await readFile("docs/ways.md", "utf8");
  const cells = page
    .split("\n")
    .filter((line) => line.startsWith("| "))
    .map((line) => line.split("|").map((cell) => cell.trim()));
  return cells.slice(2).map(([, name = "", , named = "", stopped = ""]) => ({ name, named, stopped }));
}
