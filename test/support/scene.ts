import { mkdtemp, realpath, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { createSite, type Daemon, type DaemonOptions, type Site, startDaemon } from "./daemon.js";
import { type Follower, follow } from "./follow.js";
import type { Host } from "./netns.js";

export type Scene = { site: Site; daemon: Daemon };

/** A daemon with files of its own for one test, which ends with it. */
export async function begin(host: Host, options: DaemonOptions = {}): Promise<Scene> {
  const site = await siteFor(options);
  return { site, daemon: await daemonOn(host, site, options) };
}

/** Files for one test. */
export async function siteFor(options: DaemonOptions = {}): Promise<Site> {
  const site = await createSite(options);
  onTestFinished(() => site.remove());
  return site;
}

/** A daemon that ends with the test, if the test has not ended it. */
export async function daemonOn(host: Host, site: Site, options: DaemonOptions = {}): Promise<Daemon> {
  const daemon = await startDaemon(host, site, options);
  onTestFinished(async () => {
    await daemon.stop();
  });
  return daemon;
}

/** A directory that goes with the test. */
export async function temporaryDirectory(): Promise<string> {
  const directory = await realpath(await mkdtemp(join(tmpdir(), "fwtest-")));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

/** Follows for as long as the test runs. */
export async function watch({ client }: Daemon, what: "events" | "queries"): Promise<Follower> {
  const follower = await follow(client, what);
  onTestFinished(() => follower.stop());
  return follower;
}
