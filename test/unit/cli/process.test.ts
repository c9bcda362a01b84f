import { describe, expect, it } from "vitest";
import { argumentsText, processLines } from "../../../ts/cli/text/process.js";
import { width } from "../../../ts/cli/text/width.js";

const app = (fields: object) => ({ path: "/usr/bin/curl", ...fields });

describe("the arguments of a program", () => {
  it.each([
    [["curl", "-s", "http://10.0.0.1/?a=b&c=$d"], "curl -s http://10.0.0.1/?a=b&c=$d"],
    [["sh", "-c", "echo a b", ""], "sh -c 'echo a b' ''"],
    [["it's", 'a"b'], "'it\\'s' 'a\"b'"],
    [["c\u001b[2Jlear", "\u202eback", "line\nline"], "'c\\x1b[2Jlear' '\\u{202e}back' 'line\\x0aline'"],
    [["a\u00a0b", "back\\slash", "…"], "'a\u00a0b' 'back\\\\slash' '…'"],
  ])("%j are shown as %s", (words, text) => {
    expect(argumentsText(app({ arguments: words }))).toBe(text);
  });

  it("end with a mark when more of them followed", () => {
    expect(argumentsText(app({ arguments: ["cat", "fi"], argumentsCut: true }))).toBe("cat fi …");
  });
});

describe("the lines about a process", () => {
  it("tell nothing where nothing is known, and not that it runs where everything does", () => {
    expect(processLines(app({}), 80)).toEqual([]);
    expect(processLines(app({ cgroup: "/" }), 80)).toEqual([]);
  });

  it("name the parents, the arguments, the control group and the mount namespace", () => {
    const parents = [
      { pid: 12, path: "/usr/bin/bash" },
      { pid: 11, path: "unknown" },
    ];
    expect(processLines(app({ parents, arguments: ["curl"], cgroup: "/a", mountNamespace: 7 }), 80)).toEqual([
      "via /usr/bin/bash, unknown",
      "started as curl",
      "in cgroup /a, mount namespace 7",
    ]);
  });

  it("are one each, however long, and hold nothing that steers a terminal", () => {
    const long = "x\u001b\n".repeat(200);
    const parents = [{ pid: 12, path: long }];
    const lines = processLines(app({ parents, arguments: [long], cgroup: long }), 60);
    expect(lines.map(width)).toEqual([60, 60, 60]);
    expect(lines.join("")).not.toMatch(/\p{C}/u);
  });
});
