import { execFile } from "node:child_process";
import { stat } from "node:fs/promises";

/** Runs a tool of the package manager; undefined where it is missing or fails. `anyway`: its output counts even then. */
export type RunTool = (tool: string, args: readonly string[], anyway?: boolean) => Promise<string | undefined>;

export type Content = { path: string; md5?: string };

/** What changes whenever packages do. */
const DATABASES = ["/var/lib/dpkg/status", "/var/lib/dpkg/info", "/var/lib/rpm", "/usr/lib/sysimage/rpm"];

/**
 * Name and version of the package that owns a file, if the package manager's own database says that it should have just
 * this content; else undefined. It tells an upgrade from a file that somebody else has put there.
 */
export async function packageOf(content: Content, run: RunTool = runTool): Promise<string | undefined> {
  return (await dpkgPackage(content, run)) ?? (await rpmPackage(content.path, run));
}

/** A text that differs after packages were installed or removed. */
export async function packagesStamp(): Promise<string> {
  const times = DATABASES.map((path) =>
    stat(path).then(
      ({ mtimeMs }) => mtimeMs,
      () => 0,
    ),
  );
  return (await Promise.all(times)).join(" ");
}

async function dpkgPackage({ path, md5 }: Content, run: RunTool): Promise<string | undefined> {
  if (md5 === undefined) return undefined;
  for (const name of dpkgNames(path)) {
    // A name with characters of shell patterns would be taken as a pattern; no package has such a program.
    if (/[*?[\]\\]/.test(name)) continue;
    const owner = dpkgOwner((await run("dpkg-query", ["--search", name])) ?? "", name);
    if (owner === undefined) continue;
    const sums = await run("dpkg-query", ["--control-show", owner, "md5sums"]);
    if (sums === undefined || !listsMd5(sums, name, md5)) continue;
    // biome-ignore lint/suspicious/noTemplateCurlyInString: dpkg-query's own placeholders
    const version = await run("dpkg-query", ["--show", "--showformat", "${Package} ${Version}", owner]);
    if (version) return version.trim();
  }
  return undefined;
}

/** Where / and /usr are merged, the database may still know a file by its old path. */
function dpkgNames(path: string): string[] {
  return path.startsWith("/usr/") ? [path, path.slice("/usr".length)] : [path, `/usr${path}`];
}

/** The package in a line `PACKAGE[:ARCH]: PATH`; undefined for diversions and paths that several packages own. */
export function dpkgOwner(text: string, path: string): string | undefined {
  const ending = `: ${path}`;
  const line = text.split("\n").find((each) => each.endsWith(ending) && !each.startsWith("diversion by "));
  const owner = line?.slice(0, -ending.length);
  return owner !== undefined && /^[a-z0-9][a-z0-9+.:-]*$/.test(owner) ? owner : undefined;
}

/** Whether a package's md5sums, lines of `MD5  PATH` without the first slash, has this file with this sum. */
export function listsMd5(text: string, path: string, md5: string): boolean {
  return text.split("\n").includes(`${md5}  ${path.slice(1)}`);
}

async function rpmPackage(path: string, run: RunTool): Promise<string | undefined> {
  const owner = await run("rpm", ["--query", "--file", "--queryformat", "%{NAME} %{VERSION}-%{RELEASE}\\n", path]);
  const [name] = owner?.split("\n") ?? [];
  if (!name) return undefined;
  // It ends with a failure as soon as any file of the package differs.
  const verified = await run("rpm", ["--verify", "--nodeps", "--noscripts", "--file", path], true);
  return verified !== undefined && rpmAgrees(verified, path) ? name : undefined;
}

/**
 * Whether `rpm --verify` has nothing against a file's content. It prints a line `SM5DLUGTP c PATH` for a file that differs,
 * with S for the size, 5 for the digest, and a dot for what is as it should be.
 */
export function rpmAgrees(text: string, path: string): boolean {
  const line = text.split("\n").find((each) => each.endsWith(` ${path}`));
  return line === undefined || (line[0] === "." && line[2] === ".");
}

function runTool(tool: string, args: readonly string[], anyway = false): Promise<string | undefined> {
  const options = {
    // A caller's PATH must not choose which program runs as root.
    env: { PATH: "/usr/sbin:/sbin:/usr/bin:/bin", LC_ALL: "C" },
    timeout: 20_000,
    maxBuffer: 16 * 1024 * 1024,
  };
  return new Promise((resolve) => {
    const child = execFile(tool, args, options, (error, stdout) => {
      const ran = error === null || (anyway && typeof error.code === "number");
      resolve(ran ? stdout : undefined);
    });
    child.stdin?.end();
  });
}
