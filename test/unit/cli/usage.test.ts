import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type DocumentedCommand, visibleCommands } from "../../../ts/cli/command.js";
import { answerOf } from "../../../ts/cli/commands/answer.js";
import { ruleOf } from "../../../ts/cli/commands/rules-add.js";
import { createProgram } from "../../../ts/cli/program.js";
import { RuleInput } from "../../../ts/model/rule.js";
import { recordingIo, runCli } from "../../support/cli.js";
import { start } from "../../support/process.js";

const program = createProgram(recordingIo(), "1.2.3");

/** Every command that people see, groups too. */
function all(command: DocumentedCommand): { words: string[]; command: DocumentedCommand }[] {
  return visibleCommands(command).flatMap((child) => [
    { words: [child.name()], command: child },
    ...all(child).map(({ words, command: below }) => ({ words: [child.name(), ...words], command: below })),
  ]);
}
const commands = all(program);
const leaves = commands.filter(({ command }) => visibleCommands(command).length === 0);

let folder: string;
let socket: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "fwctl-"));
  socket = join(folder, "socket");
});
afterAll(() => rm(folder, { recursive: true }));

describe("help", () => {
  it.each(commands.map(({ words }) => words.join(" ")))(
    "fwctl %s --help says what it does and exits 0",
    async (words) => {
      const { code, out, err } = await runCli([...words.split(" "), "--help"]);
      expect({ code, err }).toEqual({ code: 0, err: "" });
      expect(out).toContain(`Usage: fwctl ${words}`);
    },
  );

  it.each(leaves.map(({ words }) => words.join(" ")))("fwctl %s --help shows an example", async (words) => {
    const { out } = await runCli([...words.split(" "), "--help"]);
    expect(out).toMatch(/^Examples:\n {2}\S/m);
  });

  it("does not leave a description out", () => {
    expect(commands.filter(({ command }) => command.description() === "")).toEqual([]);
    const options = commands.flatMap(({ command }) => [...command.options, ...command.registeredArguments]);
    expect(options.filter(({ description }) => !description)).toEqual([]);
  });

  it("prints the version", async () => {
    expect(await runCli(["--version"])).toEqual({ code: 0, out: "0.0.0\n", err: "" });
  });
});

describe("wrong usage exits 2 with one line that says what would be right", () => {
  it.each([
    ["frob", /unknown command 'frob'; see `fwctl --help`/],
    ["statsu", /perhaps status is meant/],
    ["rules frob", /unknown command "frob"; see `fwctl rules --help`/],
    ["status more", /too many arguments/],
    ["status --frob", /unknown option '--frob'; see `fwctl status --help`/],
    ["allow", /missing required argument 'id'/],
    ["allow x", /<id>: "x" is not an id; expected/],
    ["deny 0", /<id>: "0" is not an id/],
    ["reject 1 --once --permanent", /'--once' cannot be used with option '--permanent'/],
    ["allow 1 --exact --anywhere", /'--exact' cannot be used with option '--anywhere'/],
    ["allow 1 --for 5", /--for: "5" is not a time span; expected/],
    ["rules add", /required option '--action <action>' not specified/],
    ["rules add --action FOO", /--action: expected one of ACCEPT, DROP, REJECT, ASK/],
    ["rules add --action DROP --to nowhere", /--to: host "nowhere" is not an address or CIDR; expected/],
    ["rules add --action DROP --to-port 70000", /--to-port: port "70000" is not/],
    ["rules add --action DROP --protocol quic", /--protocol: protocol "quic" is not known/],
    ["rules add --action DROP --direction up", /--direction: direction "up" is not known/],
    ["rules add --action DROP --app curl", /--app: program "curl" is not a path/],
    ["rules add --action DROP --session --for 1h", /cannot be used with/],
    ["config get frob", /<key>: expected one of username, /],
    ["events --type frob", /--type: expected one of query-opened, /],
    ["interception print --backend pf", /--backend: expected one of nft, iptables/],
    ["completion tcsh", /<shell>: expected one of bash, zsh, fish/],
  ])("fwctl %s", async (words, line) => {
    const { code, out, err } = await runCli(words.split(" "));
    expect({ code, out }).toEqual({ code: 2, out: "" });
    expect(err).toMatch(/^fwctl: [^\n]+; see `fwctl[^\n]* --help`\n$/);
    expect(err).toMatch(line);
  });

  it("without a command, the help goes to standard error", async () => {
    const { code, out, err } = await runCli([]);
    expect({ code, out }).toEqual({ code: 2, out: "" });
    expect(err).toContain("Usage: fwctl");
  });
});

describe("without a daemon, each command exits 1 with one line that says what to do", () => {
  const asking = [
    "status",
    "queries",
    "allow 1",
    "rules",
    "rules add --action DROP",
    "rules check",
    "events",
    "config",
    "devices",
    "interception install",
    "--json watch",
  ];

  it.each(asking)("fwctl %s, when there is no socket", async (words) => {
    const { code, out, err } = await runCli(["--socket", socket, ...words.split(" ")]);
    expect({ code, out }).toEqual({ code: 1, out: "" });
    expect(err).toBe(
      `fwctl: fwdaemon is not running (no socket ${socket}); start it, or name its socket with --socket\n`,
    );
  });

  it("names a socket that a dead daemon left behind", async () => {
    const stale = join(folder, "stale");
    await abandon(stale);
    const { code, err } = await runCli(["--socket", stale, "status"]);
    expect({ code, err }).toEqual({
      code: 1,
      err: `fwctl: fwdaemon is not running (nobody listens on the stale socket ${stale}); start it again\n`,
    });
  });

  it("says that the daemon hung up when it does so instead of answering", async () => {
    const rude = join(folder, "rude");
    const server = createServer((connection) => connection.on("data", () => connection.destroy()));
    await listen(server, rude);
    const { code, err } = await runCli(["--socket", rude, "status"]);
    server.close();
    expect({ code, err }).toEqual({
      code: 1,
      err: `fwctl: fwdaemon closed the connection on ${rude}; look whether it still runs, and at its log\n`,
    });
  });
});

describe("what the options of an answer mean", () => {
  it.each([
    [{}, { lifetime: "session", scope: "host" }],
    [{ once: true }, { lifetime: "once", scope: "host" }],
    [
      { permanent: true, anywhere: true },
      { lifetime: "permanent", scope: "anywhere" },
    ],
    [
      { untilQuit: true, exact: true },
      { lifetime: "process", scope: "exact" },
    ],
    [{ for: 60_000 }, { lifetime: "until", scope: "host", expiresAt: 61_000 }],
  ])("%j", (options, meant) => {
    expect(answerOf(7, "DROP", options, 1000)).toEqual({ id: 7, action: "DROP", ...meant });
  });
});

it("the options of rules add make a rule that the daemon accepts", () => {
  const options = {
    action: "DROP",
    direction: "any",
    interface: "any",
    protocol: "any",
    from: "any",
    fromPort: "any",
  } as const;
  const rule = ruleOf({ ...options, to: "10.0.0.0/8", toPort: "80-90", app: "/bin/nc", for: 60_000 }, 1000);
  expect(RuleInput.parse(rule)).toEqual(rule);
  expect(rule).toMatchObject({
    lifetime: "until",
    expiresAt: 61_000,
    destination: { host: "10.0.0.0/8", ports: "80-90" },
  });
});

function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve) => server.listen(path, resolve));
}

/** Leaves a socket file without a listener: the child that listened is killed, so that nothing unlinks it. */
async function abandon(path: string): Promise<void> {
  const script = `require("net").createServer().listen(${JSON.stringify(path)}, () => console.log("listening"))`;
  const child = start([process.execPath, "-e", script]);
  await child.waitFor(/listening/);
  child.kill("SIGKILL");
  await child.finished;
}
