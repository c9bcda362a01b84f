import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { formatConfig, parseConfig, setConfig } from "../../../ts/files/config.js";
import { FileError, UnwritableError } from "../../../ts/files/error.js";
import { parseRules } from "../../../ts/files/rules.js";
import { CONFIG_KEYS, Config, configText } from "../../../ts/model/config.js";
import { errorOf } from "../../support/refused.js";

const legacy = readFileSync(new URL("../fixtures/config", import.meta.url), "utf8");
const shipped = (name: string) => readFileSync(new URL(`../../../etc/desktopfw/${name}`, import.meta.url), "utf8");
const settings = (...lines: string[]) => `[settings]\n${lines.map((line) => `${line}\n`).join("")}`;

describe("a config file that the original wrote", () => {
  test("has its six settings, and ours by default", () => {
    expect(parseConfig(legacy).values).toEqual({
      ...Config.parse({}),
      username: "joe",
      password: "pw2",
      port: 33333,
      default_output_action: "DROP",
    });
  });

  test("is written back byte for byte", () => {
    expect(formatConfig(parseConfig(legacy))).toBe(legacy);
  });

  test("comes out byte for byte when its settings are set one by one in an empty file", () => {
    const { values, places } = parseConfig(legacy);
    let built = parseConfig("");
    for (const key of places.keys()) built = setConfig(built, key, configText(values[key], key));
    expect(formatConfig(built)).toBe(legacy);
  });
});

describe("the files that are shipped", () => {
  test("say the defaults, every key of them", () => {
    const document = parseConfig(shipped("config"));
    expect(document.values).toEqual(Config.parse({}));
    expect([...document.places.keys()].sort()).toEqual([...CONFIG_KEYS].sort());
  });

  test("have no rules", () => {
    expect(parseRules(shipped("rules")).rules).toEqual([]);
  });
});

describe("a line of the config file", () => {
  test.each([
    ["actions without regard to case", "default_input_action = drop", { default_input_action: "DROP" }],
    ["blanks as well as tabs", "  port  =  2000  ", { port: 2000 }],
    ["an equals sign and blanks inside a password", "password = a = b", { password: "a = b" }],
    ["an IPv6 host", "host = ::1", { host: "::1" }],
    ["yes and no", "exempt_loopback = no", { exempt_loopback: false }],
    ["a mask", "mark_mask = 0xC0000000", { mark_mask: 0xc0000000 }],
  ])("takes %s", (_name, line, expected) => {
    expect(parseConfig(settings(line)).values).toMatchObject(expected);
  });

  test.each([
    ["a port below the range", "port = 80", 'port "80" is not accepted', "a number from 1024 to 65535"],
    [
      "a port that is no decimal number",
      "port = 0x7d01",
      'port "0x7d01" is not accepted',
      "a number from 1024 to 65535",
    ],
    [
      "a number in floating point",
      "query_timeout = 6e1",
      'query_timeout "6e1" is not accepted',
      "seconds from 1 to 86400",
    ],
    ["a host that is a name", "host = localhost", 'host "localhost" is not accepted', "an IP address"],
    [
      "an action that is not known",
      "default_input_action = ALLOW",
      'default_input_action "ALLOW"',
      "ASK, ACCEPT, DROP or REJECT",
    ],
    ["a mask of one bit", "mark_mask = 0x1", 'mark_mask "0x1" is not accepted', "at least two bits"],
    ["a user name that is too long", "username = abcdefghijklmnopq", "username", "1 to 16 characters"],
    ["an empty value", "username =", 'username "" is not accepted', "1 to 16 characters"],
    ["a key that is not known", "colour = blue", 'key "colour" is not known', "one of username,"],
    ["a line without an equals sign", "port 2000", '"port 2000" has no "="', "key = value"],
  ])("is refused for %s", (_name, line, problem, expected) => {
    const error = errorOf(() => parseConfig(settings("# first", line)));
    expect(error.line).toBe(3);
    expect(error.problem).toContain(problem);
    expect(error.expected).toContain(expected);
  });

  test("is refused where its key stands twice, with the line that had it", () => {
    expect(errorOf(() => parseConfig(settings("port = 2000", "port = 2001"))).message).toBe(
      "config:3: port stands twice; expected it once; line 2 has it",
    );
  });

  test("that holds a password is never repeated in an error", () => {
    expect(errorOf(() => parseConfig(settings("password ="))).message).not.toContain('"');
  });
});

describe("a change of one setting", () => {
  test("leaves a person's comments, spacing and other lines alone", () => {
    const text = "# mine\n[settings]\n  port  =  2000\n# who\nusername = joe\n";
    expect(formatConfig(setConfig(parseConfig(text), "port", "2001"))).toBe(
      "# mine\n[settings]\n  port  =  2001\n# who\nusername = joe\n",
    );
  });

  test.each(["a\nport = 2000", " blank", "tab\t", "bell\u0007"])("refuses %j, which would not read back", (value) => {
    expect(() => setConfig(parseConfig(""), "password", value)).toThrow(UnwritableError);
  });

  test("reads back as it was set, for any value, or is refused", () => {
    fc.assert(
      fc.property(
        fc.constantFrom("username" as const, "password" as const),
        fc.string({ maxLength: 20 }),
        (key, value) => {
          try {
            const document = setConfig(parseConfig(legacy), key, value);
            expect(parseConfig(formatConfig(document)).values).toEqual({ ...parseConfig(legacy).values, [key]: value });
          } catch (error) {
            if (!(error instanceof FileError || error instanceof UnwritableError)) throw error;
          }
        },
      ),
    );
  });
});

test("any text is read or refused with the one error type, and writing it again changes nothing", () => {
  const lines = fc.oneof(
    fc.string(),
    fc.constantFrom("[settings]", "# c", "", "port = 2000", "port\t=\t1", "host=::1"),
  );
  fc.assert(
    fc.property(fc.array(lines, { maxLength: 8 }), (parts) => {
      try {
        const once = formatConfig(parseConfig(parts.join("\n")));
        expect(formatConfig(parseConfig(once))).toBe(once);
      } catch (error) {
        if (!(error instanceof FileError)) throw error;
        expect(error.message).toMatch(/^config:\d+: .*; expected /);
        expect(error.message).not.toContain("\n");
      }
    }),
  );
});
