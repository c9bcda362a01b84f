// Adds to package-lock.json the optional platform packages that it lacks: npm leaves out those that the registry at hand
// does not offer, and `npm ci` then refuses the file on every machine. Run it after a change of the dependencies:
//   npm install && node scripts/lib/complete-lock.mjs
// The versions are the ones that the packages themselves ask for; where a package runs is told by its name.
import { readFileSync, writeFileSync } from "node:fs";

const OS = ["aix", "android", "darwin", "freebsd", "linux", "openharmony", "win32"];
const CPU = ["arm", "arm64", "ia32", "loong64", "ppc64", "riscv64", "s390x", "wasm32", "x64"];
const LIBC = { gnu: "glibc", gnueabihf: "glibc", musl: "musl", musleabihf: "musl" };

const lock = JSON.parse(readFileSync("package-lock.json", "utf8"));
const packages = { ...lock.packages };
for (const { optionalDependencies = {}, dev } of Object.values(lock.packages)) {
  for (const [name, version] of Object.entries(optionalDependencies)) {
    const place = `node_modules/${name}`;
    if (packages[place]) continue;
    const words = name.split("/").at(-1).split("-");
    const cpu = words.filter((word) => CPU.includes(word));
    const os = words.filter((word) => OS.includes(word));
    const libc = words.flatMap((word) => LIBC[word] ?? []);
    if (cpu.length === 0 || !/^\d/.test(version)) throw new Error(`${name}@${version}: cannot tell where it runs`);
    packages[place] = {
      version,
      cpu,
      ...(dev && { dev }),
      ...(libc.length > 0 && { libc }),
      optional: true,
      ...(os.length > 0 && { os }),
    };
    console.log(`added ${name} ${version}`);
  }
}
lock.packages = Object.fromEntries(Object.entries(packages).sort(([a], [b]) => a.localeCompare(b, "en")));
writeFileSync("package-lock.json", `${JSON.stringify(lock, null, 2)}\n`);
