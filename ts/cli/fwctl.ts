#!/usr/bin/env node
import { processIo } from "./io.js";
import { run } from "./run.js";
import { packageVersion } from "./version.js";

/** `fwctl rules | head`: who reads may stop; that is no failure. */
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
  process.exit(0);
});

process.exitCode = await run(process.argv.slice(2), processIo(), packageVersion());
