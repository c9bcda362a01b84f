export { groupNumber, userNames } from "./accounts.js";
export { type ConfigDocument, setConfig } from "./config.js";
export { DirectoryError, FileError, UnwritableError } from "./error.js";
export { deleteRule, insertRule, parseRules, type RulesDocument, sameRule } from "./rules.js";
export { checkDirectory, configFile, rulesFile, type Stored } from "./store.js";
