#!/usr/bin/env node
import { readFileSync } from "node:fs";
import { isIP } from "node:net";
import { setFlagsFromString } from "node:v8";
import { Command, CommanderError, InvalidArgumentError, Option } from "commander";
import { createLog, Interception, LOG_LEVELS, type Log, type LogLevel, startControl } from "./control/index.js";
import { serveText } from "./faces/text/index.js";
import { claimSocket, serveApi } from "./faces/trpc/index.js";
import { checkDirectory, userNames } from "./files/index.js";
import { loadAddon } from "./native/index.js";

type Options = {
  configDir: string;
  stateDir: string;
  socket: string;
  queue: number;
  interception: "auto" | "nft" | "iptables" | "none";
  /** Undefined: as the config file says. */
  text?: Address | "off";
  attribution: "auto" | "proc";
  logLevel: LogLevel;
};

type Address = { host: string; port: number };

/** What was started, with how it ends; undone from the last to the first. */
type Undo = { what: string; run(): Promise<unknown> };

/** Ending must end: after this many ms the process goes with what is left to undo named in the log. */
const STOP_LIMIT = 10_000;
const CAP_NET_ADMIN = 12n;
/** Nothing is allocated at rest, so V8 never comes back for what starting left behind: it must not grow that far. */
const SMALL_HEAP = ["--optimize-for-size", "--semi-space-growth-factor=1"];
const EXAMPLES = `
Examples:
  sudo fwdaemon                             filter this machine, as the files in /etc/desktopfw say
  sudo fwdaemon --log-level debug           the same, and tell more on standard error
  sudo fwdaemon --queue 4 --config-dir ./etc/desktopfw --socket /run/test.sock
  sudo fwdaemon --text off                  filter, and offer no text protocol
  sudo ip netns exec lab fwdaemon           filter a network namespace
`;

function parseOptions(argv: readonly string[], version: string): Options {
  const program = new Command("fwdaemon")
    .description(
      "Application firewall: stops each new flow, finds the program behind it, lets rules or a person decide.",
    )
    .version(version, "-V, --version", "show the version")
    .option("--config-dir <dir>", "directory of the files config and rules", "/etc/desktopfw")
    .option(
      "--state-dir <dir>",
      "directory for what the daemon learns, as the hashes of registered programs",
      "/var/lib/desktopfw",
    )
    .option("--socket <path>", "unix socket of the API", "/run/desktopfw/fwdaemon.sock")
    .option("--queue <n>", "first NFQUEUE number; two queues per CPU from there", queueNumber, 0)
    .addOption(
      new Option("--interception <how>", "what brings packets to the queues; none leaves it to you")
        .choices(["auto", "nft", "iptables", "none"])
        .default("auto"),
    )
    .option(
      "--text <host:port|off>",
      "where the text protocol listens (default: host and port of the config file)",
      textAddress,
    )
    .addOption(
      new Option("--attribution <how>", "what finds the programs; proc does without BPF")
        .choices(["auto", "proc"])
        .default("auto"),
    )
    .addOption(
      new Option("--log-level <level>", "least important messages to log").choices([...LOG_LEVELS]).default("info"),
    )
    .helpOption("-h, --help", "show this help")
    .addHelpText("after", EXAMPLES)
    .exitOverride()
    .parse(argv);
  return program.opts<Options>();
}

function queueNumber(text: string): number {
  if (!/^\d{1,5}$/.test(text) || Number(text) > 65_535)
    throw new InvalidArgumentError("expected a number from 0 to 65535.");
  return Number(text);
}

function textAddress(text: string): Address | "off" {
  if (text === "off") return text;
  const [, bracketed, plain, port = ""] = /^(?:\[(.+)\]|([^[\]:]+)):(\d{1,5})$/.exec(text) ?? [];
  const host = bracketed ?? plain ?? "";
  const rightKind = isIP(host) === (bracketed === undefined ? 4 : 6);
  if (!rightKind || Number(port) < 1 || Number(port) > 65_535) {
    throw new InvalidArgumentError(
      "expected an IP address and a port, such as 127.0.0.1:32123 or [::1]:32123, or off.",
    );
  }
  return { host, port: Number(port) };
}

/** Starts everything in order; each part is in `undo` before the next one starts. Throws an error of one line. */
async function start(options: Options, version: string, log: Log, undo: Undo[]): Promise<void> {
  checkPrivilege();
  await checkDirectory(options.configDir);
  await claimSocket(options.socket);
  const addon = loadAddon();
  const started = await startControl({
    addon,
    configDirectory: options.configDir,
    stateDirectory: options.stateDir,
    firstQueue: options.queue,
    exact: options.attribution === "auto",
    version,
    users: userNames(),
    log,
  });
  const { control, config, queueCount } = started;
  undo.push({ what: "the firewall", run: () => started.stop() });

  const api = await serveApi({ control, addon, socket: options.socket, log });
  undo.push({ what: "the API", run: () => api.close() });
  log.debug(`API on ${options.socket}`);

  const address = options.text ?? config;
  if (address !== "off") {
    const text = await serveText({ control, host: address.host, port: address.port, log });
    undo.push({ what: "the text protocol", run: () => text.close() });
    log.debug(`text protocol on ${address.host} port ${address.port}`);
  }

  const interception = await Interception.prepare({
    backend: options.interception,
    firstQueue: options.queue,
    queueCount,
    markMask: config.mark_mask,
    exemptLoopback: config.exempt_loopback,
  });
  // With none, rules in the kernel are somebody else's even where they look like ours.
  if (interception.backend !== "none") undo.push({ what: "the interception", run: () => interception.remove() });
  await interception.install();
  started.intercept(interception);
  process.on("SIGHUP", () => void reload(control, log));

  const { backend, queues, families } = interception.plan;
  const queue = queues.first === queues.last ? `${queues.first}` : `${queues.first}-${queues.last}`;
  const how = backend === "none" ? "no interception" : `${backend}, ${families.join(" and ")}`;
  process.stdout.write(`fwdaemon: filtering on queue ${queue} (${how})\n`);
}

async function reload(control: { reload(): Promise<{ rules: number }> }, log: Log): Promise<void> {
  try {
    const { rules } = await control.reload();
    log.info(`reloaded: ${rules} permanent rules`);
  } catch (error) {
    log.error(`reload refused: ${oneLine(error)}`);
  }
}

function checkPrivilege(): void {
  const [, capabilities = "0"] = /^CapEff:\s*([0-9a-f]+)$/m.exec(readFileSync("/proc/self/status", "utf8")) ?? [];
  if (((BigInt(`0x${capabilities}`) >> CAP_NET_ADMIN) & 1n) === 0n) {
    throw new Error("it may not filter packets (no CAP_NET_ADMIN); run it as root: sudo fwdaemon");
  }
}

/** Runs until a signal ends it; the exit status is 0 after a clean end, 1 after a failure. */
async function run(options: Options, version: string): Promise<void> {
  const log = createLog(
    options.logLevel,
    (line) => process.stderr.write(line),
    process.env.JOURNAL_STREAM !== undefined,
  );
  const undo: Undo[] = [];
  let ending = false;
  const end = async (status: number) => {
    if (ending) return;
    ending = true;
    setTimeout(() => {
      log.error(`ending took too long; left behind: ${undo.map(({ what }) => what).join(", ")}`);
      process.exit(1);
    }, STOP_LIMIT);
    // A signal may come while parts are still starting: let them, so that nothing starts after it was undone.
    let result = await starting.then(
      () => status,
      () => 1,
    );
    for (let last = undo.at(-1); last !== undefined; undo.pop(), last = undo.at(-1)) {
      try {
        await last.run();
      } catch (error) {
        log.error(`${last.what} did not end: ${oneLine(error)}`);
        result = 1;
      }
    }
    process.exit(result);
  };
  const failed = (kind: string) => (error: unknown) => {
    log.error(`${kind}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
    void end(1);
  };
  process.on("uncaughtException", failed("uncaught error"));
  process.on("unhandledRejection", failed("unhandled rejection"));
  process.on("SIGTERM", () => void end(0));
  process.on("SIGINT", () => void end(0));
  // Whoever read the one line may have gone.
  process.stdout.on("error", () => {});
  process.stderr.on("error", () => {});

  const starting = start(options, version, log, undo);
  try {
    await starting;
  } catch (error) {
    process.stderr.write(`fwdaemon: ${oneLine(error)}\n`);
    await end(1);
  }
}

function oneLine(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return message.split("\n", 1).join("");
}

for (const flag of SMALL_HEAP) setFlagsFromString(flag);
const { version } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as {
  version: string;
};
try {
  const options = parseOptions(process.argv, version);
  await run(options, version);
} catch (error) {
  if (!(error instanceof CommanderError)) throw error;
  // Commander has told what is wrong; help and version are no errors.
  process.exitCode = error.exitCode === 0 ? 0 : 2;
}
