import { describe, expect, it } from "vitest";
import { type DocumentedCommand, visibleCommands } from "../../../ts/cli/command.js";
import { complete } from "../../../ts/cli/completion/complete.js";
import { createProgram } from "../../../ts/cli/program.js";
import { recordingIo, runCli } from "../../support/cli.js";
import { run } from "../../support/process.js";

const program = createProgram(recordingIo(), "1.2.3");

function values(line: string): string[] {
  return complete(program, line.split(" ")).candidates.map(({ value }) => value);
}

describe("completion", () => {
  it.each([
    ["st", ["status"]],
    ["re", ["reject"]],
    ["rules ", ["list", "add", "remove", "check", "reload"]],
    ["--json rules r", ["remove", "reload"]],
    ["--socket /tmp/x rules r", ["remove", "reload"]],
    ["rules add --ac", ["--action"]],
    ["rules add --action ", ["ACCEPT", "DROP", "REJECT", "ASK"]],
    ["rules add --action DROP --to-", ["--to-port"]],
    ["allow 7 --per", ["--permanent"]],
    ["config set default_o", ["default_output_action"]],
    ["config set port ", []],
    ["events --type rule", ["rule-added", "rule-removed"]],
    ["interception print --backend n", ["nft"]],
    ["completion f", ["fish"]],
    ["__", []],
  ])("of fwctl %s", (line, expected) => {
    expect(values(line)).toEqual(expected);
  });

  it.each([
    ["allow ", "queries"],
    ["deny --once ", "queries"],
    ["reject ", "queries"],
    ["rules remove ", "rules"],
    ["rules check ", "files"],
    ["devices stats ", "devices"],
    ["rules add --interface ", "devices"],
    ["rules add --app ", "files"],
    ["--socket ", "files"],
    ["allow 7 ", undefined],
  ])("of fwctl %s asks for %s", (line, source) => {
    expect(complete(program, line.split(" ")).source).toBe(source);
  });

  it("asks the daemon that the line names", () => {
    expect(complete(program, ["--socket", "/tmp/x", "allow", ""]).socket).toBe("/tmp/x");
  });

  it("has something to offer for each argument, but for free text", () => {
    const arguments_ = leaves(program).flatMap((command) => {
      const words = path(command);
      return command.registeredArguments.map((argument, index) => ({
        argument,
        line: [...words, ...Array(index).fill("x"), ""],
      }));
    });
    const silent = arguments_.filter(({ line }) => {
      const { candidates, source } = complete(program, line);
      return candidates.length === 0 && source === undefined;
    });
    expect(silent.map(({ argument }) => argument.name())).toEqual(["value"]);
  });

  it("offers nothing and says nothing when the daemon does not answer", async () => {
    expect(await runCli(["__complete", "--", "--socket", "/nonexistent/socket", "allow", ""])).toEqual({
      code: 0,
      out: "",
      err: "",
    });
  });

  it("has a bash script without an error of syntax", async () => {
    const { out } = await runCli(["completion", "bash"]);
    expect(await run(["bash", "-n"], { input: out })).toMatchObject({ code: 0, stderr: "" });
  });
});

function leaves(command: DocumentedCommand): DocumentedCommand[] {
  const children = visibleCommands(command);
  return children.length === 0 ? [command] : children.flatMap(leaves);
}

function path(command: DocumentedCommand): string[] {
  return command.parent ? [...path(command.parent as DocumentedCommand), command.name()] : [];
}
