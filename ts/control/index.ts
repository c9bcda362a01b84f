export type { AppChange } from "./apps/index.js";
export { type Control, type ControlOptions, type StartedControl, startControl } from "./control.js";
export { Interception, InterceptionError } from "./interception/index.js";
export { createLog, LOG_LEVELS, type Log, type LogLevel } from "./log.js";
export { RefusedError } from "./refused.js";
