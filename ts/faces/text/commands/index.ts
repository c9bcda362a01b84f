import type { TextControl } from "../control.js";
import type { Lines } from "../reply.js";
import { appsCommand } from "./apps.js";
import { configCommand } from "./config.js";
import { devCommand } from "./dev.js";
import { queryCommand } from "./query.js";
import { rulesCommand } from "./rules.js";

const VERSION = "0.1";
const FRAME = "----------";
const LIST = ["Command list:", FRAME, "AUTH", "LIST", "CONFIG", "APPS", "RULES", "VERSION", "QUERY", "DEV", FRAME];

/** Answers a command of a client that has authenticated. Throws what the use cases throw. */
export async function runCommand(control: TextControl, words: readonly string[]): Promise<Lines> {
  switch (words[0]) {
    case "LIST":
      return LIST;
    case "VERSION":
      return [VERSION];
    case "CONFIG":
      return configCommand(control, words);
    case "APPS":
      return appsCommand(control, words);
    case "RULES":
      return rulesCommand(control, words);
    case "QUERY":
      return queryCommand(control, words);
    case "DEV":
      return devCommand(control, words);
    default:
      return [`Unknown command [${words[0]}]`];
  }
}
