import type { Peer } from "../../native/index.js";

/** The group whose members may look and answer. */
export const GROUP = "desktopfw";

/** `admin` may do all, `member` may read and answer queries, `other` nothing. */
export type Role = "admin" | "member" | "other";

export type Context = { peer: Peer; role: Role };

/** What a peer may do; `group` is the number of our group, undefined where the system has none. */
export function roleOf(peer: Peer, group: number | undefined): Role {
  if (peer.uid === 0) return "admin";
  const member = group !== undefined && (peer.gid === group || peer.groups.includes(group));
  return member ? "member" : "other";
}
