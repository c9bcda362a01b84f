import { appState, appsFile, configFile, FileError, rulesFile } from "../files/index.js";
import type { Config } from "../model/config.js";
import type { Device, InterceptionStatus, Status } from "../model/status.js";
import { type Addon, type CoreEvent, type Firewall, startFirewall, type UserNames } from "../native/index.js";
import { type Apps, createApps, Register } from "./apps/index.js";
import { type Authenticate, createAuthentication } from "./authentication.js";
import { listDevices } from "./devices.js";
import { createEventHub, type EventHub } from "./events.js";
import type { Interception } from "./interception/index.js";
import type { Log } from "./log.js";
import { tellPassedOver } from "./passed-over.js";
import { Policy } from "./policy.js";
import { createProblems } from "./problems.js";
import { createPump } from "./pump.js";
import { createQueries, type Queries } from "./queries.js";
import { RefusedError } from "./refused.js";
import { RuleBook } from "./rulebook.js";
import { createSerial } from "./serial.js";
import { createSettings, type Settings } from "./settings.js";
import { readStatus } from "./status.js";

/** All use cases, as the faces see them. */
export type Control = {
  readonly policy: Policy;
  readonly queries: Queries;
  readonly settings: Settings;
  readonly events: EventHub;
  readonly apps: Apps;
  /** Whether a name and a password are those of the config. */
  readonly authenticate: Authenticate;
  /** Reads config, rules and apps again; throws a FileError for a broken one, and the last good ones stay. */
  reload(): Promise<{ rules: number }>;
  status(): Promise<Status>;
  devices(): Promise<Device[]>;
  /** The kernel's side. Throws a RefusedError before `intercept`, and an InterceptionError where the kernel refuses. */
  readonly interception: Pick<Interception, "status" | "install" | "remove"> & {
    /** The rules in a backend's own syntax; in that of the backend in use where none is named. */
    print(backend?: PrintedBackend): { backend: PrintedBackend; text: string };
  };
};

type PrintedBackend = "nft" | "iptables";

export type StartedControl = {
  control: Control;
  /** The settings as the daemon started with them. */
  config: Config;
  queueCount: number;
  /** Gives the control the kernel's side, once it is prepared. */
  intercept(interception: Interception): void;
  /** Ends all subscriptions, drops what is held, closes the queues. */
  stop(): Promise<void>;
};

export type ControlOptions = {
  addon: Addon;
  configDirectory: string;
  /** What the daemon learns is kept there; made when needed. */
  stateDirectory: string;
  firstQueue: number;
  /** Use the exact layer of attribution where it works. */
  exact: boolean;
  version: string;
  users: UserNames;
  log: Log;
};

/** Loads the files and starts the firewall on its queues. Throws a FileError, a DirectoryError, or the addon's Error. */
export async function startControl(options: ControlOptions): Promise<StartedControl> {
  const { log } = options;
  const problems = createProblems();
  const { configDirectory } = options;
  const files = {
    config: tellPassedOver(configFile(configDirectory), problems, log),
    rules: tellPassedOver(rulesFile(configDirectory), problems, log),
    apps: tellPassedOver(appsFile(configDirectory), problems, log),
  };
  const config = (await files.config.load()).values;
  const book = new RuleBook((await files.rules.load()).rules);
  // Before packets come, so that none of a changed program passes by an old rule.
  const registerParts = { file: files.apps, state: appState(options.stateDirectory), log };
  const register = await Register.load(registerParts, book.nextId);
  const changedApps = register.distrusted();

  // The doorbell may ring before the pump is there; the first drain below takes what it rang for.
  let ring = () => {};
  const firewall: Firewall = startFirewall(
    options.addon,
    {
      firstQueue: options.firstQueue,
      queueCount: 0,
      markMask: config.mark_mask,
      exact: options.exact,
      failOpen: config.overflow_action === "ACCEPT",
    },
    { rules: book.inOrder(), config, changedApps },
    options.users,
    () => ring(),
  );
  const serial = createSerial();
  const events = createEventHub((wanted) => firewall.setVerdictEvents(wanted));
  const deliver = (event: CoreEvent) => {
    if (event.type === "rule-expired") return policy.expire(event.id, event.why);
    if (event.type === "problem") {
      log.warning(event.message);
      problems.set(event.message, event.message);
    }
    events.publish("query" in event ? { ...event, query: apps.explain(event.query) } : event);
  };
  const pump = createPump(firewall.drainEvents, deliver, (count) => {
    log.warning(`${count} events were lost because too many came at once`);
    events.publish({ type: "events-dropped", at: Date.now(), count });
  });
  const policy = new Policy({
    firewall,
    book,
    file: files.rules,
    config,
    changedApps,
    events,
    settle: pump.drain,
    serial,
  });
  const apps = createApps({ register, file: files.apps, policy, events, problems, serial });
  const settings = createSettings({ file: files.config, policy, problems, serial, started: config });
  const queries = createQueries({ firewall, policy, events, settle: pump.drain, explain: apps.explain });
  ring = pump.ring;
  pump.ring();

  let interception: Interception | undefined;
  const kernel = (): Interception => {
    if (interception) return interception;
    throw new RefusedError("PRECONDITION_FAILED", "fwdaemon is still starting; try again in a moment");
  };
  const notYet: InterceptionStatus = {
    backend: "none",
    installed: false,
    queues: { first: options.firstQueue, last: options.firstQueue + firewall.queueCount - 1 },
    families: [],
  };
  const startedAt = Date.now();
  const control: Control = {
    policy,
    queries,
    settings,
    events,
    apps,
    authenticate: createAuthentication(() => policy.config),
    reload: () =>
      serial(async () => {
        try {
          const [settingsNow, rules] = [await files.config.load(), await files.rules.load()];
          await apps.reload();
          policy.reload(settingsNow.values, rules);
          settings.noteRestart(settingsNow.values);
          problems.set("reload", undefined);
          return { rules: rules.rules.length };
        } catch (error) {
          if (error instanceof FileError) problems.set("reload", `${error.message}; the last good files stay in force`);
          throw error;
        }
      }),
    status: () =>
      readStatus({
        version: options.version,
        startedAt,
        firewall,
        policy,
        queries,
        problems,
        interception: async () => interception?.status() ?? notYet,
      }),
    devices: listDevices,
    interception: {
      status: async () => kernel().status(),
      install: async () => kernel().install(),
      remove: async () => kernel().remove(),
      print(named) {
        const backend = named ?? (kernel().backend === "nft" ? "nft" : "iptables");
        return { backend, text: kernel().print(backend) };
      },
    },
  };
  return {
    control,
    config,
    queueCount: firewall.queueCount,
    intercept(prepared) {
      interception = prepared;
    },
    async stop() {
      apps.stop();
      pump.stop();
      events.close();
      await firewall.stop();
    },
  };
}
