import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { ruleLine } from "../support/daemon.js";
import { createLab, FAMILIES, type Lab } from "../support/netns.js";
import { fetchPage, lookUp, serve } from "../support/probes.js";
import { begin } from "../support/scene.js";

/** The shipped mark_mask, and what wg-quick, Kubernetes and Tailscale use. */
const OURS = "0x30000000";
const OTHERS = ["0xca6c", "0xc000", "0xff0000"];

let lab: Lab;
beforeAll(async () => {
  lab = await createLab();
  await serve(lab.peer);
});
afterAll(() => lab.close());
afterEach(async () => {
  for (const { tool } of FAMILIES) await lab.box.must([tool, "-t", "raw", "-F"]);
});

describe.each(FAMILIES)("over $family", ({ family, tool }) => {
  /** Counts web packets at the very end, behind routing, by the marks that they carry. */
  async function countByMark(marks: readonly string[]): Promise<void> {
    const mangle = (...args: string[]) => lab.box.must([tool, "-t", "mangle", ...args]);
    await mangle("-N", "LEAVING");
    await mangle("-A", "POSTROUTING", "-p", "tcp", "--dport", "80", "-j", "LEAVING");
    for (const mark of marks) await mangle("-A", "LEAVING", "-m", "mark", "--mark", mark);
  }

  /** What was counted, in the order of the marks. */
  async function counted(): Promise<number[]> {
    const rows = (await lab.box.must([tool, "-t", "mangle", "-vnxL", "LEAVING"])).trim().split("\n").slice(2);
    return rows.map((row) => Number(row.trim().split(/\s+/)[0]));
  }

  afterEach(async () => {
    await lab.box.run([tool, "-t", "mangle", "-F"]);
    await lab.box.run([tool, "-t", "mangle", "-X"]);
  });

  test.each(OTHERS)(
    "a packet that carries the mark %s of somebody else leaves with it, and with none of ours",
    async (mark) => {
      await lab.box.must([tool, "-t", "raw", "-A", "OUTPUT", "-j", "MARK", "--set-mark", mark]);
      await countByMark([`${mark}/0xffffffff`, `0x0/${OURS}`, "0x0/0x0"]);
      await begin(lab.box, { rules: [ruleLine({ action: "ACCEPT" })] });
      expect(await fetchPage(lab.box, lab.peer.address[family])).toBe("passed");
      const [, , all = 0] = await counted();
      expect(all).toBeGreaterThan(3);
      // While the connection closes, a packet may come between the counts.
      await expect.poll(async () => new Set(await counted()).size).toBe(1);
    },
  );

  test("a rejected packet that the kernel does not track is dropped, never passed", async () => {
    await lab.box.must([tool, "-t", "raw", "-A", "OUTPUT", "-p", "udp", "--dport", "53", "-j", "CT", "--notrack"]);
    const { site, daemon } = await begin(lab.box, {
      config: { default_input_action: "ACCEPT" },
      rules: [ruleLine({ action: "ACCEPT" })],
    });
    expect(await lookUp(lab.box, lab.peer.address[family])).toBe("passed");
    await site.writeRules([ruleLine({ direction: "outgoing", action: "REJECT" })]);
    await daemon.client.rules.reload.mutate();
    expect(await lookUp(lab.box, lab.peer.address[family])).toBe("silence");
  });
});
