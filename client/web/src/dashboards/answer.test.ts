import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { fresh } from "./answer";

const NOW = Date.UTC(2026, 10, 30, 10, 0, 0);
beforeEach(() => void vi.useFakeTimers({ now: NOW }));
afterEach(() => void vi.useRealTimers());

function computed(secondsAgo: number) {
  return { computedAt: new Date(NOW - 1000 * secondsAgo).toISOString() };
}

test("what was just computed is asked for once", async () => {
  const ask = vi.fn(async (_maxAgeSeconds: number) => computed(59));
  const shown: unknown[] = [];
  expect(await fresh(ask, 60)((value) => shown.push(value), false)).toEqual(computed(59));
  expect(ask.mock.calls).toEqual([[86400]]);
  expect(shown).toEqual([]);
});

test("what is old is shown until newer figures come", async () => {
  const ask = vi.fn(async (maxAgeSeconds: number) => computed(maxAgeSeconds > 60 ? 3600 : 0));
  const shown: unknown[] = [];
  expect(await fresh(ask, 60)((value) => shown.push(value), false)).toEqual(computed(0));
  expect(ask.mock.calls).toEqual([[86400], [60]]);
  expect(shown).toEqual([computed(3600)]);
});

test("what is from before a change is asked for anew, however young it is", async () => {
  const ask = vi.fn(async (maxAgeSeconds: number) => computed(maxAgeSeconds > 0 ? 30 : 0));
  const shown: unknown[] = [];
  const { computedAt: changedAt } = computed(20);
  expect(await fresh(ask, 60, () => changedAt)((value) => shown.push(value), false)).toEqual(computed(0));
  expect(ask.mock.calls).toEqual([[86400], [0]]);
  expect(shown).toEqual([computed(30)]);
  ask.mockClear();
  await fresh(ask, 60, () => computed(40).computedAt)(() => {}, false);
  expect(ask.mock.calls).toEqual([[86400]]);
});

test("who is in a hurry gets figures of now", async () => {
  const ask = vi.fn(async (_maxAgeSeconds: number) => computed(0));
  await fresh(ask, 60)(() => {}, true);
  expect(ask.mock.calls).toEqual([[0]]);
});
