// What the query in a page's address may say. Names of classes and models are for the coordinator to judge,
// and fields of a recipe for its form.

import { filters, orders, type Filter } from "../images/filters";
import { sliceNames } from "../image_history/words";
import type { ProjectPage } from "../route";
import { kinds } from "../rounds/matches_words";

interface Rule {
  readonly allowed: string; // in words
  readonly fits: (value: string) => boolean;
}

function oneOf(...values: string[]): Rule {
  const [last = "", ...others] = [...values].reverse();
  const allowed = others.length > 0 ? `${others.reverse().join(", ")} or ${last}` : last;
  return { allowed, fits: (value) => values.includes(value) };
}

function between(low: number, high: number): Rule {
  const fits = (value: string) => value.trim() !== "" && Number(value) >= low && Number(value) <= high;
  return { allowed: `a number from ${low} to ${high}`, fits };
}

// In as many digits as 32 bits hold; ids in as many as 64 bits do.
const whole: Rule = { allowed: "a whole number above 0", fits: (value) => /^[1-9]\d{0,8}$/.test(value) };
const day: Rule = { allowed: "a day from 1970 on, like 2026-02-28", fits: isDay };

function idOf(what: string): Rule {
  return { allowed: `the number of ${what}`, fits: (value) => /^[1-9]\d{0,17}$/.test(value) };
}

function isDay(value: string): boolean {
  const date = new Date(`${value}T00:00:00Z`);
  return date.getTime() >= 0 && date.toISOString().startsWith(`${value}T`);
}

function ruleOf({ choices, type }: Filter): Rule | undefined {
  if (choices) return oneOf(...choices.map(({ value }) => value));
  return type && { number: between(0, 1), date: day }[type];
}

const off = oneOf("off");
const ofFilters = Object.fromEntries(filters.map((filter) => [filter.name, ruleOf(filter)]));

const rules: Partial<Record<ProjectPage, Readonly<Record<string, Rule | undefined>>>> = {
  overview: { by: oneOf("images", "seconds"), per: oneOf("week", "day") },
  queue: { slice: oneOf(...["UNCERTAIN", "RARE", "RANDOM", "SLICE_HOLDOUT"].map(sliceNamed)) },
  images: {
    ...ofFilters,
    order: oneOf(...orders.map(({ value }) => value).filter((value) => value !== "")),
    like: idOf("an image"),
    boxes: oneOf("no"),
  },
  image: { box: idOf("a box"), revision: whole, score: between(0, 1), changes: off, shown: off },
  compare: { score: between(0, 1) },
  "new round": { from: whole },
  round: {
    kind: oneOf(...kinds.map(({ word }) => word)),
    side: oneOf("holdout", "pool"),
    threshold: between(0.01, 1),
    true: whole,
    predicted: whole,
  },
  setup: { part: oneOf("classes", "guidelines", "import", "settings"), version: whole },
};

function sliceNamed(slice: string): string {
  return sliceNames[slice as keyof typeof sliceNames];
}

export interface Wrong {
  readonly name: string;
  readonly value: string;
  readonly allowed: string;
}

// What the address of a page says that is none of the allowed values.
export function wrongIn(page: ProjectPage, query: URLSearchParams): Wrong[] {
  return Object.entries(rules[page] ?? {}).flatMap(([name, rule]) => {
    const value = query.get(name) ?? "";
    return value === "" || !rule || rule.fits(value) ? [] : [{ name, value, allowed: rule.allowed }];
  });
}
