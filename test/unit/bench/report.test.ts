import { expect, test } from "vitest";
import { summarise, table } from "../../bench/report.js";

test.each([
  { values: [3, 1, 2], expected: { median: 2, low: 1, high: 3 } },
  { values: [4, 1, 3, 2], expected: { median: 2.5, low: 1, high: 4 } },
  { values: [7], expected: { median: 7, low: 7, high: 7 } },
])("the median of $values is the middle one, with the spread beside it", ({ values, expected }) => {
  expect(summarise(values)).toEqual(expected);
});

test("the last column is the ratio of the medians", () => {
  const rows = [
    { what: "speed", unit: "1/s", values: { none: [9], base: [1000, 2000, 3000], ours: [500, 1000, 9000] } },
  ];
  expect(table(rows, ["none", "base", "ours"], "base", "ours").split("\n").slice(0, 3)).toEqual([
    "| what | none | base | ours | ours / base |",
    "| --- | --- | --- | --- | --- |",
    "| speed, 1/s | 9 (9–9) | 2,000 (1,000–3,000) | 1,000 (500–9,000) | 0.50 |",
  ]);
});
