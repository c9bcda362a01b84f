import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { formatApps, parseApps } from "../../../ts/files/apps.js";
import { formatConfig, parseConfig, setConfig } from "../../../ts/files/config.js";
import { FileError } from "../../../ts/files/error.js";
import { deleteRule, formatRules, parseRules } from "../../../ts/files/rules.js";

const fixture = (name: string) => readFileSync(new URL(`../fixtures/${name}`, import.meta.url), "utf8");
const FIRST = "# This file is generated automaticaly.";
const RULE = "eth0\toutgoing\ttcp\t0/0\t0\t0/0\t80\tDROP\t/bin/x";

/** Each format as one: what is passed over, and what is written back. */
const FORMATS = {
  config: (text: string) => {
    const document = parseConfig(text);
    return { passedOver: document.passedOver, text: formatConfig(document) };
  },
  rules: (text: string) => {
    const document = parseRules(text);
    return { passedOver: document.passedOver, text: formatRules(document) };
  },
  apps: (text: string) => {
    const document = parseApps(text);
    return { passedOver: document.passedOver, text: formatApps(document) };
  },
};
const NAMES = ["config", "rules", "apps"] as const;

describe.each([
  { name: "config", section: "[settings]", line: "colour\t=\tblue", problem: 'key "colour" is not known' },
  { name: "config", section: "[settings]", line: "port 2000", problem: '"port 2000" has no "="' },
  { name: "rules", section: "[rules]", line: "eth0 sideways", problem: "the rule has 2 of 9 fields" },
  { name: "rules", section: "[rules]", line: RULE.replace("DROP", "MAYBE"), problem: 'action "MAYBE" is not known' },
  { name: "rules", section: "[rules]", line: "[rules]", problem: "section [rules] stands twice" },
  { name: "apps", section: "[apps]", line: "/bin/x 1 2", problem: "the line is no registered program" },
] as const)("$line in $name", ({ name, section, line, problem }) => {
  const read = FORMATS[name];

  test("of the original is passed over, told with its line, and becomes a comment", () => {
    const text = `${fixture(name)}${line}\n`;
    const number = text.split("\n").length - 1;
    const result = read(text);
    expect(result.passedOver).toHaveLength(1);
    expect(result.passedOver?.[0]).toMatchObject({ line: number, problem });
    expect(result.text).toBe(`${fixture(name)}# passed over: ${line}\n`);
    expect(read(result.text)).toEqual({ passedOver: undefined, text: result.text });
  });

  test("of anybody else is refused", () => {
    const text = `# mine\n${section}\n${line}\n`;
    expect(() => read(text)).toThrow(FileError);
  });
});

describe("a file of the original", () => {
  test.each(NAMES)("%s with text around its section keeps it as comments", (name) => {
    const clean = fixture(name);
    const lines = clean.split("\n");
    const at = lines.findIndex((line) => line.startsWith("["));
    const text = [...lines.slice(0, at), "hello", ...lines.slice(at, -1), "[other]", "bye", ""].join("\n");
    const result = FORMATS[name](text);
    expect(result.passedOver?.map(({ line }) => line)).toEqual([at + 1, lines.length + 1, lines.length + 2]);
    expect(result.text.replaceAll("# passed over: ", "")).toBe(text);
    expect(FORMATS[name](result.text).passedOver).toBeUndefined();
  });

  test("without its section gets it behind what it had", () => {
    expect(FORMATS.rules(`${FIRST}\n${RULE}\n`).text).toBe(`${FIRST}\n# passed over: ${RULE}\n[rules]\n`);
  });

  test("is not read over a wrong value of a known key: what the original did then is not known", () => {
    expect(() => parseConfig(`${FIRST}\n[settings]\nport\t=\t99999\n`)).toThrow(
      'config:3: port "99999" is not accepted',
    );
  });

  test("keeps what was passed over when it is changed", () => {
    const rules = deleteRule(parseRules(`${FIRST}\n[rules]\nnonsense\n${RULE}\n`), 0);
    expect(formatRules(rules)).toBe(`${FIRST}\n[rules]\n# passed over: nonsense\n`);
    const config = setConfig(parseConfig(`${FIRST}\n[settings]\ncolour = blue\n`), "port", "2000");
    expect(formatConfig(config)).toBe(`${FIRST}\n[settings]\n# passed over: colour = blue\nport\t\t\t=\t2000\n`);
  });

  test("whose password's line does not parse does not tell it", () => {
    const { passedOver } = FORMATS.config(`${FIRST}\n[settings]\npassword hunter2\n`);
    expect(passedOver?.[0]?.message).toBe('config:3: the line of the password has no "="; expected key = value');
  });

  test.each(NAMES)("%s is never refused for how its lines look, and loses none of them", (name) => {
    const line = fc.string().map((text) => text.replaceAll(/[\n=]/g, "."));
    fc.assert(
      fc.property(fc.array(line, { maxLength: 6 }), (lines) => {
        const text = [FIRST, ...lines].map((each) => `${each}\n`).join("");
        const result = FORMATS[name](text);
        expect(result.text.replaceAll("# passed over: ", "").startsWith(text)).toBe(true);
        expect(FORMATS[name](result.text)).toEqual({ passedOver: undefined, text: result.text });
      }),
    );
  });
});
