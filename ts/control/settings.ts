import { type ConfigDocument, type Stored, setConfig } from "../files/index.js";
import { CONFIG_EXPECTED, CONFIG_KEYS, Config, type ConfigKey, configText } from "../model/config.js";
import { hashPassword, isPlainPassword, NO_PASSWORD, randomPassword } from "./password.js";
import type { Policy } from "./policy.js";
import type { Problems } from "./problems.js";
import { RefusedError } from "./refused.js";
import type { Serial } from "./serial.js";

/** What a running daemon cannot change: its sockets and its rules in the kernel were made from these. */
const AT_START: readonly ConfigKey[] = ["host", "port", "mark_mask", "exempt_loopback", "overflow_action"];
const HIDDEN = "********";

export type SettingsParts = {
  file: Stored<ConfigDocument>;
  policy: Policy;
  problems: Problems;
  serial: Serial;
  /** As they were when the daemon started. */
  started: Config;
};

/** The settings in the config file: shown, changed, and put into force. */
export type Settings = {
  /** Each value as the file has it; a password is never shown. */
  get(): Record<ConfigKey, string>;
  /** Throws a RefusedError for a value that the key does not take, a FileError where the file is broken. */
  set(key: ConfigKey, value: string): Promise<{ key: ConfigKey; value: string; restartRequired: boolean }>;
  /**
   * Makes a random password, stores its hash and tells it, which nobody can do again. Throws a RefusedError where one is set
   * and `replace` is not, a FileError where the file is broken.
   */
  makePassword(replace: boolean): Promise<{ username: string; password: string }>;
  /** Tells in `status` which settings wait for a restart. */
  noteRestart(config: Config): void;
};

export function createSettings({ file, policy, problems, serial, started }: SettingsParts): Settings {
  const noteRestart = (config: Config) => {
    const changed = AT_START.filter((key) => config[key] !== started[key]);
    const line = `${changed.join(", ")} changed in the config file; restart fwdaemon to use it`;
    problems.set("restart", changed.length > 0 ? line : undefined);
  };
  const store = async (key: ConfigKey, value: string, document: ConfigDocument): Promise<Config> => {
    const changed = await withoutPlainPassword(setConfig(document, key, value));
    await file.save(changed);
    policy.configure(changed.values);
    noteRestart(changed.values);
    return changed.values;
  };
  return {
    get: () => shown(policy.config),
    noteRestart,
    set: (key, text) =>
      serial(async () => {
        const value = key.endsWith("_action") ? text.toUpperCase() : text;
        if (!Config.shape[key].safeParse(value).success) {
          const what = key === "password" ? "the password" : `${key} ${JSON.stringify(text)}`;
          throw new RefusedError("BAD_REQUEST", `${what} is not accepted; expected ${CONFIG_EXPECTED[key]}`);
        }
        const stored = key === "password" && value !== NO_PASSWORD ? await hashPassword(value) : value;
        const values = await store(key, stored, await file.load());
        return { key, value: shown(values)[key], restartRequired: AT_START.includes(key) };
      }),
    makePassword: (replace) =>
      serial(async () => {
        const document = await file.load();
        if (document.values.password !== NO_PASSWORD && !replace) {
          const remedy = "fwctl config password --new makes another one";
          throw new RefusedError("CONFLICT", `a password is set, and cannot be shown again; ${remedy}`);
        }
        const password = randomPassword();
        const { username } = await store("password", await hashPassword(password), document);
        return { username, password };
      }),
  };
}

/** The original kept the password as it is; the first write of ours puts its hash in its place. */
async function withoutPlainPassword(document: ConfigDocument): Promise<ConfigDocument> {
  const { password } = document.values;
  return isPlainPassword(password) ? setConfig(document, "password", await hashPassword(password)) : document;
}

function shown(config: Config): Record<ConfigKey, string> {
  const entries = CONFIG_KEYS.map((key) => [key, key === "password" ? HIDDEN : configText(config[key], key)]);
  return Object.fromEntries(entries) as Record<ConfigKey, string>;
}
