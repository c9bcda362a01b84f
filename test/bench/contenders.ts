import { resolve } from "node:path";
import { createSite, ruleLine, startDaemon } from "../support/daemon.js";
import type { Lab } from "../support/netns.js";

/** A way to filter (or not) the connections of the lab's box. */
export type Contender = {
  name: string;
  /** Puts it to work; the function that is returned takes it away again. */
  enter(lab: Lab): Promise<() => Promise<void>>;
};

const ACCEPT_ALL = resolve("target/release/examples/accept_all");
export const CONNECT_LOAD = resolve("target/release/examples/connect_load");

const noFilter: Contender = {
  name: "no filter",
  enter: async () => async () => undefined,
};

const acceptAll: Contender = {
  name: "accepts everything",
  enter: async ({ box }) => {
    const count = Number((await box.must(["nproc"])).trim());
    const queues = count === 1 ? ["--queue-num", "0"] : ["--queue-balance", `0:${count - 1}`, "--queue-cpu-fanout"];
    const rule = ["OUTPUT", "!", "-o", "lo", "-m", "conntrack", "--ctstate", "NEW", "-j", "NFQUEUE", ...queues];
    const program = box.start([ACCEPT_ALL, "0", String(count)]);
    await program.waitFor(/accepting/);
    await box.must(["iptables", "-t", "mangle", "-A", ...rule, "--queue-bypass"]);
    return async () => {
      await box.must(["iptables", "-t", "mangle", "-F", "OUTPUT"]);
      program.kill();
      await program.finished;
    };
  },
};

const desktopfw: Contender = {
  name: "desktopfw, one rule",
  enter: async ({ box, peer }) => {
    const destination = `${peer.address.ipv4}/32`;
    const rule = ruleLine({ direction: "outgoing", protocol: "tcp", destination, action: "ACCEPT", app: CONNECT_LOAD });
    const site = await createSite({ rules: [rule] });
    const daemon = await startDaemon(box, site);
    return async () => {
      const { asked, accepted } = (await daemon.client.status.get.query()).counters;
      await daemon.stop();
      await site.remove();
      if (asked > 0 || accepted === 0)
        throw new Error(`desktopfw did not judge by its rule: ${accepted} accepted, ${asked} asked`);
    };
  },
};

export const CONTENDERS: readonly Contender[] = [noFilter, acceptAll, desktopfw];
