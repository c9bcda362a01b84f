import type { Backend, InterceptionStatus } from "../../model/status.js";
import { allEnded } from "./all-ended.js";
import { type Commands, systemCommands } from "./command.js";
import { InterceptionError } from "./errors.js";
import {
  hasIptables,
  installIptables,
  iptablesProblem,
  kernelFamilies,
  missingIptables,
  probeIptables,
  removeIptables,
} from "./iptables-backend.js";
import { iptablesText } from "./iptables-text.js";
import { installNft, nftLacksQueue, nftProblem, nftTakes, removeNft } from "./nft-backend.js";
import { nftText } from "./nft-text.js";
import { buildRuleset, type InterceptionOptions, type Ruleset } from "./ruleset.js";

export { InterceptionError } from "./errors.js";
export type { InterceptionOptions } from "./ruleset.js";

/** The firewall's own rules in the kernel. Every method throws InterceptionError where the kernel or a tool refuses. */
export class Interception {
  private constructor(
    readonly backend: Backend,
    private readonly ruleset: Ruleset,
    private readonly commands: Commands,
  ) {}

  /** Chooses the backend and has it read the rules; changes nothing yet. */
  static async prepare(options: InterceptionOptions, commands: Commands = systemCommands): Promise<Interception> {
    const ruleset = buildRuleset(options);
    return new Interception(await chooseBackend(options.backend, ruleset, commands), ruleset, commands);
  }

  /** Puts the rules in place of what an earlier run left. After a failure nothing of ours is left. */
  async install(): Promise<void> {
    try {
      if (this.backend === "nft") {
        await installNft(this.commands, this.ruleset);
        await removeIptables(this.commands);
      } else if (this.backend === "iptables") {
        await installIptables(this.commands, this.ruleset);
        await removeNft(this.commands);
      }
    } catch (error) {
      await this.remove().catch(() => undefined);
      throw error;
    }
  }

  /** Takes away everything of ours, of this run or of one that was killed, with either backend. Doing it twice is fine. */
  async remove(): Promise<void> {
    await allEnded([removeIptables(this.commands), removeNft(this.commands)]);
  }

  /** What the rules are to hand over, and how; whether they stand is what `status` tells. */
  get plan(): Pick<InterceptionStatus, "backend" | "queues" | "families"> {
    const { backend, ruleset } = this;
    return { backend, queues: ruleset.queues, families: backend === "none" ? [] : kernelFamilies() };
  }

  /** Looks into the kernel, so it also tells when somebody else has taken the rules away. */
  async status(): Promise<InterceptionStatus> {
    const base = this.plan;
    if (base.backend === "none") return { ...base, installed: false };
    const problem = await this.problem();
    if (problem === undefined) return { ...base, installed: true };
    return { ...base, installed: false, problem: `${problem}; run \`fwctl interception install\`` };
  }

  /** The rules as the backend's own tool reads them; for iptables one text for each family. */
  print(backend: "nft" | "iptables" = this.backend === "nft" ? "nft" : "iptables"): string {
    if (backend === "nft") return nftText(this.ruleset);
    const restore = { ipv4: "iptables-restore", ipv6: "ip6tables-restore" };
    return kernelFamilies()
      .map((family) => `# ${restore[family]} --noflush\n${iptablesText(this.ruleset, family)}`)
      .join("\n");
  }

  private async problem(): Promise<string | undefined> {
    try {
      if (this.backend === "nft") return await nftProblem(this.commands, this.ruleset);
      return await iptablesProblem(this.commands, this.ruleset);
    } catch (error) {
      if (error instanceof InterceptionError) return error.reason;
      throw error;
    }
  }
}

async function chooseBackend(
  wanted: InterceptionOptions["backend"],
  ruleset: Ruleset,
  commands: Commands,
): Promise<Backend> {
  if (wanted === "none") return wanted;
  if (wanted !== "iptables" && (await nftTakes(commands, ruleset))) return "nft";
  if (wanted === "nft") throw nftLacksQueue();
  if (!hasIptables(commands)) throw missingIptables();
  await probeIptables(commands, ruleset);
  return "iptables";
}
