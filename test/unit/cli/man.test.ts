import { readFile } from "node:fs/promises";
import { expect, it } from "vitest";
import { manualPage } from "../../../ts/cli/man.js";
import { createProgram } from "../../../ts/cli/program.js";
import { recordingIo } from "../../support/cli.js";

it("the manual page has every command and option as fwctl has them; after a change run scripts/man", async () => {
  const page = await readFile(new URL("../../../docs/fwctl.1", import.meta.url), "utf8");
  expect(page).toBe(manualPage(createProgram(recordingIo(), "1.2.3")));
});
