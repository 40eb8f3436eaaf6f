// How long a run will take, in words and by what was seen.

import assert from "node:assert/strict";
import { test } from "node:test";

import { Pace, lasting, speed } from "../src/pace.js";

test("a time is said as people say it", () => {
  const said = [0, 0.2, 59, 59.1, 60, 3599, 3600, 90_061].map(lasting);
  const times = ["0 s", "1 s", "59 s", "1 min 0 s", "1 min 0 s", "59 min 59 s", "1 h 0 min", "25 h 1 min"];
  assert.deepEqual(said, times);
});

test("the pace is that of the last ten seconds", () => {
  const pace = new Pace();
  assert.equal(pace.note(1_000, 0), null);
  assert.equal(pace.note(2_000, 100), 100);
  assert.equal(pace.note(12_000, 100), 0);
  assert.equal(pace.note(13_000, 1_200), 100);
  assert.equal(pace.note(23_000, 2_200), 100);
  // Who has less done than before has begun anew.
  assert.equal(pace.note(24_000, 10), null);
  assert.equal(pace.note(25_000, 30), 20);
});

test("a rate is never shown as zero", () => {
  assert.deepEqual([null, 0, 0.01, 0.05, 0.4, 9.94, 9.96, 1234.5].map(speed), ["", "", "", "0.1", "0.4", "9.9", "10", "1,235"]);
});
