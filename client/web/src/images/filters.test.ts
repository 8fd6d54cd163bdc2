import { expect, test } from "vitest";
import { activeIn, filterOf, orderIn } from "./filters";

const query = (text: string) => new URLSearchParams(text);

test("what stands in the address is asked for, and said in words", () => {
  const active = activeIn(query("side=holdout&labelled=no&class=a%26b&min=0.25&from=2026-02-01&state=set_aside"));
  expect(active.map(({ filter, value }) => filter.told(value))).toEqual([
    "in the holdout",
    "not labelled",
    "with a&b",
    "labelled since 2026-02-01",
    "score ≥ 0.25",
    "set aside",
  ]);
  expect(filterOf(active)).toEqual({
    side: "HOLDOUT",
    labelled: false,
    className: "a&b",
    labelledFrom: "2026-02-01T00:00:00Z",
    minScore: 0.25,
    state: "SET_ASIDE",
  });
});

test("what is empty or no filter is left out", () => {
  expect(activeIn(query("note=&order=score&other=1"))).toEqual([]);
  expect(orderIn(query("")).value).toBe("");
  expect(orderIn(query("order=score")).descending).toBe(true);
});
