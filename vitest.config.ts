import { defineConfig } from "vitest/config";

/** What scripts/vm/run runs under emulation, on another kernel: some of the tests of `netns`, and some that need that kernel. */
const VM = {
  test: {
    name: "vm",
    include: ["test/vm/**/*.test.ts", "test/netns/**/*.test.ts"],
    testTimeout: 180_000,
    hookTimeout: 180_000,
    fileParallelism: false,
    // What is loaded once is kept: loading is what emulation is slowest at.
    isolate: false,
  },
};

/** The suites that need root and the kernel's queue run one file at a time: they share two CPUs. */
export default defineConfig({
  test: {
    projects: [
      { test: { name: "unit", include: ["test/unit/**/*.test.ts"] } },
      { test: { name: "contract", include: ["test/contract/**/*.test.ts"], testTimeout: 30_000 } },
      { test: { name: "cli", include: ["test/cli/**/*.test.ts"], testTimeout: 30_000 } },
      {
        test: {
          name: "text-protocol",
          include: ["test/text-protocol/**/*.test.ts"],
          testTimeout: 60_000,
          hookTimeout: 60_000,
          fileParallelism: false,
        },
      },
      {
        test: {
          name: "netns",
          include: ["test/netns/**/*.test.ts"],
          testTimeout: 120_000,
          hookTimeout: 120_000,
          fileParallelism: false,
        },
      },
      ...(process.env.FWTEST_SLOWNESS === undefined ? [] : [VM]),
    ],
  },
});
