import { realpathSync } from "node:fs";
import { resolve } from "node:path";
import type { Host } from "./netns.js";
import { type Running, SLOWNESS } from "./process.js";

/** What a program saw of the network: it got through, was told so, or waited in vain. */
export type Outcome = "passed" | "refused" | "silence";

/** The programs as the firewall names them: by the file that runs. */
export const CURL = realpathSync("/usr/bin/curl");
export const DIG = realpathSync("/usr/bin/dig");
export const PING = realpathSync("/usr/bin/ping");
export const NODE = realpathSync(process.execPath);

export const ECHO_PORT = 7000;
const programs = resolve("test/support/programs");

/** How long an answer may take, in seconds: what comes back at once, comes within this on a slow machine too. */
const ANSWER = SLOWNESS > 1 ? 6 : 2;

/** How long a probe waits before it calls it silence, in seconds. Longer where somebody answers a question meanwhile. */
export type Patience = { seconds?: number };

/** TCP: curl asks for a page. */
export async function fetchPage(from: Host, address: string, { seconds = ANSWER }: Patience = {}): Promise<Outcome> {
  const url = `http://${address.includes(":") ? `[${address}]` : address}/`;
  const curl = ["curl", "-v", "-s", "-g", "--noproxy", "*", "--max-time", String(seconds), url];
  const { code, stdout, stderr } = await from.run(curl);
  if (code === 0 && stdout === "page\n") return "passed";
  if (code === 7 && stderr.includes("Connection refused")) return "refused";
  if (code === 28) return "silence";
  throw new Error(`curl ended with ${code}: ${stdout}${stderr}`);
}

/** UDP: dig asks for a name. */
export async function lookUp(from: Host, address: string, { seconds = ANSWER }: Patience = {}): Promise<Outcome> {
  const dig = ["dig", "+tries=1", `+time=${seconds}`, `@${address}`, "host.test", "A"];
  const { stdout, stderr } = await from.run(dig);
  if (stdout.includes("192.0.2.7")) return "passed";
  if (stdout.includes("connection refused")) return "refused";
  if (stdout.includes("timed out")) return "silence";
  throw new Error(`dig said: ${stdout}${stderr}`);
}

/** ICMP: one echo. */
export async function ping(from: Host, address: string, { seconds = ANSWER / 2 }: Patience = {}): Promise<Outcome> {
  const { code, stdout, stderr } = await from.run(["ping", "-n", "-c", "1", "-W", String(seconds), address]);
  if (code === 0) return "passed";
  if (/unreachable|refused/i.test(stdout + stderr)) return "refused";
  if (stdout.includes("100% packet loss")) return "silence";
  throw new Error(`ping said: ${stdout}${stderr}`);
}

/** The servers that the probes reach: pages on TCP 80, echo on TCP and UDP from 7000 on, names on UDP 53. */
export async function serve(host: Host, echoPorts = 1): Promise<Running> {
  const servers = [
    host.start([process.execPath, `${programs}/peer.mjs`, String(echoPorts)]),
    host.start([process.execPath, `${programs}/resolver.mjs`]),
  ];
  await Promise.all(servers.map((server) => server.waitFor(/^serving$/m)));
  return servers[0] as Running;
}

/** Opens a connection to each of `ports` echo ports at once and keeps them; see programs/connect.mjs for what it prints. */
export function openConnections(from: Host, address: string, ports = 1): Running {
  return from.start([process.execPath, `${programs}/connect.mjs`, address, String(ECHO_PORT), String(ports)]);
}

/** Sends one datagram of `size` bytes to the echo port; prints `reply SIZE` or the error. */
export function sendDatagram(from: Host, address: string, size: number): Running {
  return from.start([process.execPath, `${programs}/datagram.mjs`, address, String(ECHO_PORT), String(size)]);
}

/** Blocks the event loop of a node process that has an inspector, for so many ms; prints `blocked`, then `over`. */
export function blockEventLoop(from: Host, inspector: string, ms: number): Running {
  return from.start([process.execPath, `${programs}/block.mjs`, inspector, String(ms)]);
}
