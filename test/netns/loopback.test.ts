import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ruleLine } from "../support/daemon.js";
import { createLab, type Lab } from "../support/netns.js";
import { CURL, fetchPage, lookUp, serve } from "../support/probes.js";
import { begin, watch } from "../support/scene.js";

const ADDRESSES = ["127.0.0.1", "::1"] as const;

let lab: Lab;
beforeAll(async () => {
  lab = await createLab();
  await serve(lab.box);
});
afterAll(() => lab.close());

describe.each(ADDRESSES)("%s", (address) => {
  test("is not judged as shipped", async () => {
    const { daemon } = await begin(lab.box);
    expect(await fetchPage(lab.box, address)).toBe("passed");
    expect(await lookUp(lab.box, address)).toBe("passed");
    expect((await daemon.client.status.get.query()).counters.packets).toBe(0);
  });

  test("is judged once, as outgoing, where it is not exempt", async () => {
    const { daemon } = await begin(lab.box, {
      config: { exempt_loopback: "no" },
      rules: [ruleLine({ direction: "outgoing", action: "ACCEPT", app: CURL })],
    });
    const events = await watch(daemon, "events");
    expect(await fetchPage(lab.box, address)).toBe("passed");
    expect(await lookUp(lab.box, address)).toBe("silence");
    // dig's dropped packet comes after all of curl's.
    await events.next("verdict", ({ flow }) => flow.destination.port === 53);
    const ofCurl = events.seen().filter((event) => event.type === "verdict" && event.flow.destination.port === 80);
    expect(ofCurl).toMatchObject([{ flow: { direction: "outgoing", interface: "lo" }, verdict: "ACCEPT" }]);
  });

  test.each([
    { protocol: "tcp", probe: fetchPage },
    { protocol: "udp", probe: lookUp },
  ])("$protocol is refused at once by a rule that rejects it", async ({ probe }) => {
    await begin(lab.box, { config: { exempt_loopback: "no", default_output_action: "REJECT" } });
    expect(await probe(lab.box, address)).toBe("refused");
  });
});
