import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { type Client, connect } from "../../ts/client/index.js";
import type { Host } from "./netns.js";
import type { Finished, Running, RunOptions } from "./process.js";

const DAEMON = resolve("dist/daemon.js");
const FWCTL = resolve("dist/cli/fwctl.js");

/** The settings of a test that does not say otherwise: nothing is asked, everything that no rule allows is dropped. */
const QUIET = { default_input_action: "DROP", default_output_action: "DROP" };

export type DaemonOptions = {
  config?: Readonly<Record<string, string>>;
  /** Lines as `ruleLine` makes them. */
  rules?: readonly string[];
  args?: readonly string[];
  /** Options of node itself. */
  nodeArgs?: readonly string[];
};

/** The files of one daemon, which outlive it: several can be started on them in turn. */
export type Site = {
  readonly directory: string;
  readonly configDir: string;
  readonly socket: string;
  rulesFile(): Promise<string>;
  writeConfig(config: Readonly<Record<string, string>>): Promise<void>;
  writeRules(rules: readonly string[]): Promise<void>;
  /** The daemon's command line on these files. */
  command(options?: Pick<DaemonOptions, "args" | "nodeArgs">): string[];
  remove(): Promise<void>;
};

export type Daemon = {
  readonly process: Running;
  readonly client: Client;
  fwctl(args: readonly string[], options?: RunOptions): Promise<Finished>;
  /** SIGTERM (or another signal) and the wait for its end. */
  stop(signal?: NodeJS.Signals): Promise<Finished>;
};

export async function createSite({ config = {}, rules = [] }: DaemonOptions = {}): Promise<Site> {
  const directory = await mkdtemp(join(tmpdir(), "fwtest-"));
  const configDir = join(directory, "etc");
  const socket = join(directory, "fwdaemon.sock");
  await mkdir(configDir);
  const site: Site = {
    directory,
    configDir,
    socket,
    rulesFile: () => readFile(join(configDir, "rules"), "utf8"),
    writeConfig: (settings) => writeFile(join(configDir, "config"), configText(settings)),
    writeRules: (lines) => writeFile(join(configDir, "rules"), rulesText(lines)),
    command: ({ args = [], nodeArgs = [] } = {}) => [
      process.execPath,
      ...nodeArgs,
      DAEMON,
      ...["--config-dir", configDir, "--state-dir", join(directory, "state"), "--socket", socket],
      ...args,
    ],
    remove: () => rm(directory, { recursive: true, force: true }),
  };
  await site.writeConfig({ ...QUIET, ...config });
  await site.writeRules(rules);
  return site;
}

/** Starts the daemon on a host and waits until it filters. */
export async function startDaemon(host: Host, site: Site, options: DaemonOptions = {}): Promise<Daemon> {
  const running = host.start(site.command(options));
  await running.waitFor(/^fwdaemon: filtering on queue .*$/m);
  const client = connect({ socket: site.socket });
  return {
    process: running,
    client,
    fwctl: (args, runOptions) => host.run([process.execPath, FWCTL, "--socket", site.socket, ...args], runOptions),
    stop: async (signal = "SIGTERM") => {
      await client.close();
      running.kill(signal);
      return running.finished;
    },
  };
}

export type RuleLine = {
  interface?: string;
  direction?: string;
  protocol?: string;
  source?: string;
  sourcePort?: string;
  destination?: string;
  port?: string;
  action: string;
  app?: string;
};

/** A line of the rules file; what is not named is any. */
export function ruleLine(rule: RuleLine): string {
  const { interface: device = "*", direction = "*", protocol = "ip", source = "0/0", sourcePort = "0" } = rule;
  const { destination = "0/0", port = "0", action, app = "*" } = rule;
  return [device, direction, protocol, source, sourcePort, destination, port, action, app].join("\t");
}

function rulesText(lines: readonly string[]): string {
  return `# rules of a test\n[rules]\n${lines.map((line) => `${line}\n`).join("")}`;
}

function configText(config: Readonly<Record<string, string>>): string {
  const lines = Object.entries(config).map(([key, value]) => `${key}\t=\t${value}\n`);
  return `# config of a test\n[settings]\n${lines.join("")}`;
}
