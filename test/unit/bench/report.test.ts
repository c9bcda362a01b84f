import { expect, test } from "vitest";
import { ratio, summarise, table, verdict } from "../../bench/report.js";

test.each([
  { values: [3, 1, 2], expected: { median: 2, low: 1, high: 3 } },
  { values: [4, 1, 3, 2], expected: { median: 2.5, low: 1, high: 4 } },
  { values: [7], expected: { median: 7, low: 7, high: 7 } },
])("the median of $values is the middle one, with the spread beside it", ({ values, expected }) => {
  expect(summarise(values)).toEqual(expected);
});

test.each([
  { reached: 0.8, atLeast: 0.8, expected: "met" },
  { reached: 0.79, atLeast: 0.8, expected: "MISSED" },
  { reached: 90, atMost: 90, expected: "met" },
  { reached: 90.1, atMost: 90, expected: "MISSED" },
  { reached: Number.NaN, atMost: 90, expected: "not measured" },
])("a budget of $atLeast to $atMost is $expected with $reached", ({ expected, ...budget }) => {
  expect(verdict({ what: "it", ...budget })).toBe(expected);
});

test("a rival that was not there leaves its ratio open instead of met", () => {
  const values = { ours: [500] };
  const budgets = [{ what: "ours / rival", reached: ratio(values, "ours", "rival"), atLeast: 10 }];
  const row = { name: "rate", what: "speed", unit: "1/s", values, budgets };
  expect(table([row]).split("\n")[2]).toBe(
    "| rate | speed, 1/s | ours: 500 | ours / rival at least 10 | – | not measured |",
  );
});

test("a line shows each variant's median and spread, the bound, the ratio of the medians, and that it is missed", () => {
  const values = { base: [1000, 2000, 3000], ours: [500, 1000, 9000] };
  const budgets = [{ what: "ours / base", reached: ratio(values, "ours", "base"), atLeast: 0.8 }];
  expect(
    table([{ name: "rate", what: "speed", unit: "1/s", values, budgets }])
      .split("\n")
      .slice(0, 3),
  ).toEqual([
    "| row | what | measured: median (lowest–highest) | budget | reached | so |",
    "| --- | --- | --- | --- | --- | --- |",
    "| rate | speed, 1/s | base: 2,000 (1,000–3,000)<br>ours: 1,000 (500–9,000) | ours / base at least 0.8 | 0.5 | MISSED |",
  ]);
});
