export { type Addon, AddonError, loadAddon } from "./addon.js";
export { type CoreEvents, type Firewall, type FirewallOptions, type RuleUsage, startFirewall } from "./firewall.js";
export { type Peer, peerOf } from "./peer.js";
export type { ChangedApp, NumberedRule } from "./policy.js";
export type { CoreEvent, RuleExpired, UserNames } from "./translate.js";
