import type { Bench } from "../turns.js";
import { attribution } from "./attribution.js";
import { descriptors } from "./descriptors.js";
import { floods } from "./floods.js";
import { memory } from "./memory.js";
import { questions } from "./questions.js";
import { rate } from "./rate.js";
import { rules } from "./rules.js";
import { single } from "./single.js";
import { start } from "./start.js";
import { throughput } from "./throughput.js";
import { wakeups } from "./wakeups.js";

/** Every row of the budget, in its order. */
export const BENCHES: readonly Bench[] = [
  rate,
  single,
  rules,
  throughput,
  attribution,
  descriptors,
  start,
  memory,
  questions,
  floods,
  wakeups,
];
