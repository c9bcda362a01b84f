import { type Commands, must } from "./command.js";
import { InterceptionError } from "./errors.js";
import { NFT_REMOVAL, NFT_TABLE, nftText } from "./nft-text.js";
import { type Direction, queuesOf, type Ruleset } from "./ruleset.js";

/** Whether nft is there and the kernel takes our table, which needs the `queue` expression; nothing is applied. */
export async function nftTakes(commands: Commands, ruleset: Ruleset): Promise<boolean> {
  if (!commands.has("nft")) return false;
  return (await commands.run("nft", ["-c", "-f", "-"], nftText(ruleset))).ok;
}

export function nftLacksQueue(): InterceptionError {
  return new InterceptionError(
    "nftables cannot queue packets here",
    "run `modprobe nft_queue` as root, or use `--interception iptables`",
  );
}

export async function installNft(commands: Commands, ruleset: Ruleset): Promise<void> {
  await must(commands, "nft", ["-f", "-"], nftText(ruleset));
}

export async function removeNft(commands: Commands): Promise<void> {
  if (!commands.has("nft")) return;
  const tables = await commands.run("nft", ["list", "tables"]);
  if (tables.ok && !tables.stdout.split("\n").includes(`table ${NFT_TABLE}`)) return;
  await must(commands, "nft", ["-f", "-"], NFT_REMOVAL);
}

/** What is missing from the kernel, as one line; undefined when everything stands. */
export async function nftProblem(commands: Commands, ruleset: Ruleset): Promise<string | undefined> {
  const listed = await commands.run("nft", ["list", "table", ...NFT_TABLE.split(" ")]);
  if (!listed.ok) return `the table ${NFT_TABLE} is missing`;
  const queue = (hook: Direction) => {
    const { first, last } = queuesOf(ruleset.judge[hook]);
    return new RegExp(`queue .*\\b${first === last ? first : `${first}-${last}`}\\b`);
  };
  const chains = listed.stdout.split(/^\tchain /m);
  const missing = (["output", "input"] as const).find(
    (name) => !chains.some((text) => text.startsWith(`${name} `) && queue(name).test(text)),
  );
  return missing && `the queue rule of chain ${missing} is missing`;
}
