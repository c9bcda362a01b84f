import { Argument } from "commander";
import { CONFIG_KEYS, type ConfigKey } from "../../model/config.js";
import type { DocumentedCommand } from "../command.js";
import { Failure } from "../failure.js";
import { readAll } from "../input.js";
import type { Io } from "../io.js";
import { withDaemon } from "../session.js";
import { safe } from "../text/sanitize.js";
import { pad } from "../text/width.js";

export function addConfig(program: DocumentedCommand, io: Io): void {
  const config = program.command("config").description("see and change the settings");
  config
    .command("list", { isDefault: true })
    .description("all settings")
    .example("fwctl config", "see every setting; the password is never shown")
    .action(
      withDaemon(io, async ({ api, print }) => {
        const values = await api.config.get.query();
        print(values, () => CONFIG_KEYS.map((key) => `${pad(key, 21)} = ${safe(values[key])}`));
      }),
    );
  config
    .command("get")
    .description("one setting")
    .addArgument(key())
    .example("fwctl config get default_output_action", "see what happens to flows that go out and match no rule")
    .action(
      withDaemon(io, async ({ api, print }, name: ConfigKey) => {
        const value = (await api.config.get.query())[name];
        print({ key: name, value }, () => [safe(value)]);
      }),
    );
  config
    .command("set")
    .description("change a setting and write it to the file")
    .addArgument(key())
    .argument(
      "<value>",
      "the new value; - reads one line from standard input, so that a password shows in no process list",
    )
    .example("fwctl config set unattended_action DROP", "let nothing new pass while nobody is there to ask")
    .example("fwctl config set password - < secret", "set the password without showing it")
    .action(
      withDaemon(io, async ({ api, print }, name: ConfigKey, given: string) => {
        const value = given === "-" ? await firstLine(io) : given;
        const set = await api.config.set.mutate({ key: name, value });
        const remark = set.restartRequired ? "; restart fwdaemon for it to take effect" : "";
        print(set, () => [`${set.key} = ${safe(set.value)}${remark}`]);
      }),
    );
  config
    .command("password")
    .description("make a random password for the text protocol and show it, once: only its hash is kept")
    .option("--new", "also where one is set; the old one then no longer works")
    .example("sudo fwctl config password", "get into the text protocol of a new installation")
    .example("sudo fwctl config password --new", "replace a password that was lost")
    .action(
      withDaemon(io, async ({ api, print }, options: { new?: boolean }) => {
        const made = await api.config.makePassword.mutate({ replace: options.new === true });
        print(made, () => [`username = ${safe(made.username)}`, `password = ${safe(made.password)}`]);
      }),
    );
}

function key(): Argument {
  return new Argument("<key>", "the setting").choices(CONFIG_KEYS);
}

async function firstLine(io: Io): Promise<string> {
  const [line = ""] = (await readAll(io.input)).split(/\r?\n/);
  if (line === "") throw new Failure("standard input holds no value; write it on its first line");
  return line;
}
