import { resolve } from "node:path";
import { z } from "zod";
import type { Lab } from "../support/netns.js";

export const CONNECT_LOAD = resolve("target/release/examples/connect_load");
export const PORT = 7100;

const Load = z.object({
  connections: z.number(),
  failed: z.number(),
  seconds: z.number(),
  p50_us: z.number(),
  p99_us: z.number(),
});
export type Load = z.infer<typeof Load>;

/** The server on the peer that every load connects to. */
export async function serveLoad({ box, peer }: Lab): Promise<void> {
  const server = peer.start([CONNECT_LOAD, "serve", `0.0.0.0:${PORT}`]);
  await server.waitFor(/serving/);
  // Ports in TIME_WAIT must not run out.
  await box.must(["sysctl", "-qw", "net.ipv4.ip_local_port_range=1024 65535", "net.ipv4.tcp_tw_reuse=1"]);
}

/** Connects `total` times, `atATime` at a time; a connection that fails is an error. Times in µs are those of connect(). */
export async function load({ box, peer }: Lab, atATime: number, total: number, limitSeconds = 60): Promise<Load> {
  const argv = [CONNECT_LOAD, "run", `${peer.address.ipv4}:${PORT}`, String(atATime), String(total)];
  const result = Load.parse(JSON.parse(await box.must(argv, { timeoutMs: limitSeconds * 1000 })));
  if (result.failed > 0) throw new Error(`${result.failed} of ${total} connections failed`);
  return result;
}
