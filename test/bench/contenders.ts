import { resolve } from "node:path";
import { createSite, startDaemon } from "../support/daemon.js";
import type { Host, Lab } from "../support/netns.js";
import { CONNECT_LOAD } from "./load.js";
import { ruleLines } from "./rulesets.js";

/** What a contender is to work with: the programs that it lets out (the load), after so many rules of others. */
export type Setup = { programs?: readonly string[]; others?: number };

/** A contender at work. `seconds` is how long it took until it filtered. */
export type AtWork = { pid: number; seconds: number; leave(): Promise<void> };

/** A way to filter (or not) the connections of the lab's box. */
export type Contender = {
  name: string;
  /** Rounds that are enough for one that is slow. */
  maxRounds?: number;
  /** False for one that takes no packets to user space. */
  queues?: boolean;
  /** Divides what a turn does, for one that is slow. */
  slower?: number;
  enter(lab: Lab, setup?: Setup): Promise<AtWork>;
};

const ACCEPT_ALL = resolve("target/release/examples/accept_all");

export const noFilter: Contender = {
  name: "no filter",
  queues: false,
  enter: async () => ({ pid: 0, seconds: 0, leave: async () => undefined }),
};

export const acceptAll: Contender = {
  name: "accepts everything",
  enter: async ({ box }) => {
    const began = performance.now();
    const count = Number((await box.must(["nproc"])).trim());
    const queues = count === 1 ? ["--queue-num", "0"] : ["--queue-balance", `0:${count - 1}`, "--queue-cpu-fanout"];
    const rule = ["OUTPUT", "!", "-o", "lo", "-m", "conntrack", "--ctstate", "NEW", "-j", "NFQUEUE", ...queues];
    const program = box.start([ACCEPT_ALL, "0", String(count)]);
    await program.waitFor(/accepting/);
    await box.must(["iptables", "-t", "mangle", "-A", ...rule, "--queue-bypass"]);
    return {
      pid: program.pid,
      seconds: secondsSince(began),
      leave: async () => {
        await box.must(["iptables", "-t", "mangle", "-F", "OUTPUT"]);
        program.kill();
        await program.finished;
      },
    };
  },
};

/** One rule that makes the kernel track connections, and decides nothing: what every stateful firewall begins with. */
export const tracksOnly: Contender = {
  name: "tracks connections only",
  queues: false,
  enter: async ({ box }) => {
    const rule = ["OUTPUT", "-m", "conntrack", "--ctstate", "INVALID", "-j", "RETURN"];
    await box.must(["iptables", "-t", "mangle", "-A", ...rule]);
    return {
      pid: 0,
      seconds: 0,
      leave: async () => {
        await box.must(["iptables", "-t", "mangle", "-F", "OUTPUT"]);
      },
    };
  },
};

/** Ours; `proc` is the one without the exact layer. */
function ours(name: string, args: readonly string[]): Contender {
  return {
    name,
    enter: async ({ box }, { programs = [CONNECT_LOAD], others = 0 } = {}) => {
      const site = await createSite({ rules: ruleLines(programs, others) });
      const began = performance.now();
      const daemon = await startDaemon(box, site, { args });
      const seconds = secondsSince(began);
      return {
        pid: daemon.process.pid,
        seconds,
        leave: async () => {
          const { asked, panics } = (await daemon.client.status.get.query()).counters;
          await daemon.stop();
          await site.remove();
          if (asked > 0 || panics > 0) throw new Error(`${name} did not judge by its rules: ${asked} asked`);
        },
      };
    },
  };
}
export const desktopfw = ours("desktopfw", []);
export const desktopfwProc = ours("desktopfw --attribution proc", ["--attribution", "proc"]);

/** Every contender there is, as most rows want them. */
export function contenders(opensnitch: Contender | undefined): Contender[] {
  return [noFilter, acceptAll, desktopfw, ...(opensnitch === undefined ? [] : [opensnitch])];
}

/** Does something while a contender is at work, and makes sure that packets went through its queue. */
export async function during<T>(lab: Lab, contender: Contender, body: (atWork: AtWork) => Promise<T>, setup?: Setup) {
  const atWork = await contender.enter(lab, setup);
  try {
    return await body(atWork);
  } finally {
    await atWork.leave();
    // The closed connections stay tracked for minutes; the next turn shall not pay for them.
    await lab.box.must(["conntrack", "-F"]);
  }
}

/** As `during`, for a body whose packets must have gone through the contender's queue. */
export function underLoad<T>(lab: Lab, contender: Contender, body: (atWork: AtWork) => Promise<T>, setup?: Setup) {
  return during(
    lab,
    contender,
    async (atWork) => {
      const result = await body(atWork);
      if (contender.queues !== false && (await packetsQueued(lab.box)) === 0)
        throw new Error(`no packet came to the queues of ${contender.name}`);
      return result;
    },
    setup,
  );
}

/** Packets that the box's queues have had so far: the eighth column of the kernel's table. */
async function packetsQueued(box: Host): Promise<number> {
  const lines = (await box.must(["cat", "/proc/net/netfilter/nfnetlink_queue"])).trim().split("\n");
  return lines.reduce((sum, line) => sum + Number(line.trim().split(/\s+/)[7] ?? 0), 0);
}

export function secondsSince(began: number): number {
  return (performance.now() - began) / 1000;
}
