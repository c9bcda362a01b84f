import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ruleLine } from "../support/daemon.js";
import { createLab, type Lab } from "../support/netns.js";
import { CURL, DIG, fetchPage, lookUp, serve } from "../support/probes.js";
import { daemonOn, siteFor } from "../support/scene.js";

/** Somebody else's rules, named to be mistaken for ours. */
const OTHERS = `table inet desktopfw2 {
  chain output { type filter hook output priority mangle + 10; policy accept; ct mark 0x4000 accept; }
}
`;

let lab: Lab;
beforeAll(async () => {
  lab = await createLab();
  await serve(lab.peer);
});
afterAll(() => lab.close());

describe("where nftables can queue", () => {
  test("auto takes it, names senders exactly, answers a rejection at its first packet, and leaves nothing behind", async () => {
    await lab.box.must(["nft", "-f", "-"], { input: OTHERS });
    const ruleset = () => lab.box.must(["nft", "list", "ruleset"]);
    const before = await ruleset();
    const site = await siteFor({
      rules: [
        ruleLine({ direction: "outgoing", action: "ACCEPT", app: CURL, destination: lab.peer.address.ipv6 }),
        ruleLine({ direction: "outgoing", action: "REJECT", app: CURL }),
        ruleLine({ direction: "outgoing", action: "REJECT", app: DIG, destination: lab.peer.address.ipv6 }),
      ],
    });
    const daemon = await daemonOn(lab.box, site);
    const status = () => daemon.client.status.get.query();
    expect(await status()).toMatchObject({
      interception: { backend: "nft", installed: true },
      attribution: { layer: "bpf" },
    });
    expect(await ruleset()).toMatch(/queue flags bypass to \d+/);

    expect(await fetchPage(lab.box, lab.peer.address.ipv6)).toBe("passed");
    expect(await lookUp(lab.box, lab.peer.address.ipv4)).toBe("silence");
    const { rejected } = (await status()).counters;
    expect(await fetchPage(lab.box, lab.peer.address.ipv4)).toBe("refused");
    expect(await lookUp(lab.box, lab.peer.address.ipv6)).toBe("refused");
    // Each was refused when it had sent one packet.
    expect((await status()).counters.rejected - rejected).toBe(2);

    await lab.box.must(["nft", "delete", "table", "inet", "desktopfw"]);
    expect((await status()).interception).toMatchObject({
      installed: false,
      problem: expect.stringContaining("missing"),
    });
    expect((await daemon.fwctl(["interception", "install"])).code).toBe(0);
    expect((await status()).interception).toMatchObject({ installed: true });

    expect(await daemon.stop()).toMatchObject({ code: 0, signal: null });
    expect(await ruleset()).toBe(before);
  });
});
