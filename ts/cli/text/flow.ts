import type { App, Flow } from "../../model/query.js";
import { safe } from "./sanitize.js";

type End = Flow["source"];

const PORTLESS = new Set(["icmp", "icmpv6", "igmp", "gre", "esp", "ah", "ospf"]);

/** `10.0.0.1:443`, `[fd00::1]:443`, and the name before it when it is known; without a port where the protocol has none. */
export function endText(end: End, protocol: string): string {
  const address = addressText(end, protocol);
  return end.name === undefined ? address : `${safe(end.name)} (${address})`;
}

function addressText(end: End, protocol: string): string {
  const ip = safe(end.ip);
  if (PORTLESS.has(protocol)) return ip;
  return ip.includes(":") ? `[${ip}]:${end.port}` : `${ip}:${end.port}`;
}

/** `10.0.0.2:40000 -> example.com (93.184.216.34:443), outgoing tcp on eth0` */
export function flowText(flow: Flow): string {
  return `${flowEnds(flow)}, ${flow.direction} ${safe(flow.protocol)} on ${safe(flow.interface)}`;
}

export function flowEnds(flow: Flow): string {
  return `${endText(flow.source, flow.protocol)} -> ${endText(flow.destination, flow.protocol)}`;
}

/** The other machine of the flow, with the port of the service: where an outgoing flow goes, whence an incoming one comes. */
export function peerText(flow: Flow): string {
  if (flow.direction === "outgoing") return endText(flow.destination, flow.protocol);
  const ip =
    flow.source.name === undefined ? safe(flow.source.ip) : `${safe(flow.source.name)} (${safe(flow.source.ip)})`;
  return PORTLESS.has(flow.protocol) ? ip : `${ip} at port ${flow.destination.port}`;
}

/** The program's path, with the script that it runs; why it could not be found out when it is unknown. */
export function programText(app: App): string {
  if (app.path !== "unknown")
    return app.script === undefined ? safe(app.path) : `${safe(app.path)} (${safe(app.script)})`;
  return app.reason === undefined ? "unknown" : `unknown (${safe(app.reason)})`;
}

/** Name of the user, else the number; `-` when neither is known. */
export function userText(app: App): string {
  if (app.user !== undefined) return safe(app.user);
  return app.uid === undefined ? "-" : String(app.uid);
}
