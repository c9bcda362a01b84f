export { groupNumber, userNames } from "./accounts.js";
export { type AppState, appState, type KnownApp } from "./app-state.js";
export { type AppEntry, type AppsDocument, checksum, dropApp, putApp } from "./apps.js";
export { type ConfigDocument, setConfig } from "./config.js";
export { DirectoryError, FileError, UnwritableError } from "./error.js";
export { type Look, lookAt, type Measurement, measure } from "./measure.js";
export { deleteRule, formatRuleLine, insertRule, parseRules, type RulesDocument, sameRule } from "./rules.js";
export { appsFile, checkDirectory, configFile, rulesFile, type Stored } from "./store.js";
