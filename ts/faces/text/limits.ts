/** How much one client, and all together, may take. Times are in milliseconds. */
export type Limits = {
  /** Of a line, in bytes. */
  line: number;
  connections: number;
  /** How many of them need not have authenticated; above it the one that was silent for longest goes. */
  strangers: number;
  /** Until a client without AUTH that sends no whole line is closed. */
  strangerIdleMs: number;
  /** The same for one that has authenticated. */
  idleMs: number;
  /** Commands that are refused for want of AUTH before the connection is closed. */
  refusals: number;
  /** How long a client may leave what it was sent unread. */
  stallMs: number;
  /** How long a closed connection may take to read its last reply. */
  lingerMs: number;
  /** The answer to a wrong password comes this late, twice as late each further time, but never later than the second. */
  wrongMs: readonly [first: number, most: number];
};

export const LIMITS: Limits = {
  line: 4096,
  connections: 128,
  strangers: 64,
  strangerIdleMs: 60_000,
  idleMs: 24 * 60 * 60 * 1000,
  refusals: 100,
  stallMs: 30_000,
  lingerMs: 2000,
  wrongMs: [1000, 8000],
};
