import { expect, test } from "vitest";
import type { ProjectPage } from "../route";
import { wrongIn } from "./addresses";

const wrong = (page: ProjectPage, query: string) =>
  wrongIn(page, new URLSearchParams(query)).map(({ name, value }) => `${name}=${value}`);

const right: [ProjectPage, string][] = [
  ["images", "side=holdout&labelled=no&class=a%26b&by=anna&min=0.25&max=1&from=2026-02-01&to=9999-12-31"],
  ["images", "like=9007199254740993&order=name_down&boxes=no&slice=slice_holdout&origin=drawn&asked=no"],
  ["images", "side=&other=1"],
  ["queue", "slice=holdout&class=anything"],
  ["round", "kind=missed&side=pool&threshold=0.05&true=1&predicted=2"],
  ["compare", "a=first&b=2&score=0.5"],
  ["image", "revision=2&box=7&model=first&score=0&changes=off&shown=off"],
  ["setup", "part=guidelines&version=2"],
  ["new round", "from=1&training.iterations=abc"],
  ["overview", "by=seconds&per=day"],
  ["models", "x=y"],
];
test.each(right)("%s?%s is right", (page, query) => expect(wrong(page, query)).toEqual([]));

const bad: [ProjectPage, string][] = [
  ["images", "like=x"],
  ["images", "like=-1"],
  ["images", "like=99999999999999999999"],
  ["images", "from=2026-13-45"],
  ["images", "from=2026-02-29"],
  ["images", "from=x"],
  ["images", "to=1969-12-31"],
  ["images", "side=xyz"],
  ["images", "state=zzz"],
  ["images", "min=abc"],
  ["images", "min=5"],
  ["images", "max=-0.1"],
  ["images", "order=zzz"],
  ["queue", "slice=nope"],
  ["round", "kind=zz"],
  ["round", "side=zz"],
  ["round", "threshold=9"],
  ["round", "threshold=abc"],
  ["round", "true=1.5"],
  ["compare", "score=7"],
  ["image", "box=abc"],
  ["image", "score=2"],
  ["image", "shown=on"],
  ["setup", "part=nothing"],
  ["setup", "version=x"],
  ["new round", "from=abc"],
  ["overview", "per=month"],
];
test.each(bad)("%s?%s is wrong", (page, query) => expect(wrong(page, query)).toEqual([query]));

test("all wrong values are told, with those that are allowed", () => {
  expect(wrongIn("round", new URLSearchParams("side=left&kind=missed&threshold=2"))).toEqual([
    { name: "side", value: "left", allowed: "holdout or pool" },
    { name: "threshold", value: "2", allowed: "a number from 0.01 to 1" },
  ]);
});
