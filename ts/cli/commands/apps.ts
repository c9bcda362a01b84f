import { resolve } from "node:path";
import type { RegisteredApp } from "../../model/app.js";
import type { DocumentedCommand } from "../command.js";
import type { Io } from "../io.js";
import { withDaemon } from "../session.js";
import { differencesText, packageText } from "../text/app.js";
import { safe } from "../text/sanitize.js";
import type { Paint } from "../text/style.js";
import { type Column, table } from "../text/table.js";

export function addApps(program: DocumentedCommand, io: Io): void {
  const apps = program.command("apps").description("the registered programs, and whether their files have changed");
  apps
    .command("list", { isDefault: true })
    .description("each registered program, and what of its file is not as it was registered")
    .example("fwctl apps", "see which programs are not what they were")
    .action(
      withDaemon(io, async ({ api, print }) => {
        const list = await api.apps.list.query();
        print(list, () => appLines(list, io.columns(), io.paint));
      }),
    );
  apps
    .command("check")
    .description("whether any registered program has changed")
    .example("fwctl --json apps check", "the same for a program")
    .action(
      withDaemon(io, async ({ api, print }) => {
        const check = await api.apps.check.query();
        print(check, () => [check.changed ? "a registered program has changed; see `fwctl apps`" : "none has changed"]);
      }),
    );
  const change = (name: "add" | "commit" | "remove", description: string, done: string, [line, does]: string[]) =>
    apps
      .command(name)
      .description(description)
      .argument("<path>", "the program's file")
      .example(line ?? "", does ?? "")
      .action(
        withDaemon(io, async ({ api, print }, path: string) => {
          const changed = await api.apps[name].mutate({ path: resolve(path) });
          print(changed, () => [`${done} ${safe(changed.path)}`]);
        }),
      );
  change("add", "register a program as its file is now", "registered", [
    "fwctl apps add /usr/bin/curl",
    "be asked again when another file takes the place of curl",
  ]);
  change("commit", "accept the file that a registered program has now", "accepted", [
    "fwctl apps commit /usr/bin/curl",
    "let the rules for curl hold again, after an upgrade",
  ]);
  change("remove", "forget a program: whether its file changes does not matter any more", "forgot", [
    "fwctl apps remove /usr/bin/curl",
    "let the rules for curl hold for whatever file is there",
  ]);
}

const COLUMNS: Column[] = [{ title: "PROGRAM", atLeast: 16 }, { title: "FILE" }];

export function appLines(apps: RegisteredApp[], columns: number, paint: Paint): string[] {
  if (apps.length === 0) return ["no programs are registered; register one with `fwctl apps add PATH`"];
  const rows = apps.map((app) => {
    const owner = packageText(app.package);
    const state = app.changed
      ? { text: `CHANGED: ${differencesText(app)}`, tone: "bad" as const }
      : { text: "not changed", tone: "good" as const };
    return { cells: [safe(app.path), state], ...(owner !== undefined && { notes: [owner] }) };
  });
  return table(COLUMNS, rows, columns, paint);
}
