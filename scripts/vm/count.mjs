// Counts how the tests ended that a list names, by vitest's JSON report:
//   count.mjs REPORT LIST      prints what is wrong and "N passed, N failed, N skipped"; a test that was not run has failed
//   count.mjs --pattern LIST   prints vitest's pattern for these tests
// Each line of the list is a file, a tab, and the full name of a test in it.
import { readFileSync } from "node:fs";

const [report = "", list = ""] = process.argv.slice(2);
const wanted = readFileSync(list, "utf8")
  .split("\n")
  .filter((line) => line !== "")
  .map((line) => line.split("\t"));

if (report === "--pattern") {
  const names = wanted.map(([, name]) => name.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  console.log(`^(${names.join("|")})$`);
} else {
  const ends = endsIn(report);
  const counts = { passed: 0, failed: 0, skipped: 0 };
  for (const [file, name] of wanted) {
    const end = ends.find((one) => one.file.endsWith(`/${file}`) && one.name === name);
    const status = end?.status ?? "not run";
    if (status !== "passed") console.log(`${status}: ${file}: ${name}`);
    counts[status === "passed" || status === "skipped" ? status : "failed"] += 1;
  }
  console.log(`${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`);
  process.exitCode = counts.failed === 0 ? 0 : 1;
}

function endsIn(path) {
  try {
    const { testResults } = JSON.parse(readFileSync(path, "utf8"));
    return testResults.flatMap(({ name: file, assertionResults }) =>
      assertionResults.map(({ fullName: name, status }) => ({ file, name, status })),
    );
  } catch (error) {
    console.log(`no report: ${error.message}`);
    return [];
  }
}
