import { expect, test } from "vitest";
import { annotateAddress, routeOf } from "./route";

test.each([
  ["", { name: "projects" }],
  ["#", { name: "projects" }],
  ["#link=x", { name: "projects" }],
  ["#/p/castings", { name: "projects" }],
  ["#/p//annotate", { name: "projects" }],
  ["#/p/castings/annotate", { name: "annotate", project: "castings" }],
  ["#/p/a%20b/annotate", { name: "annotate", project: "a b" }],
  ["#/p/%/annotate", { name: "annotate", project: "%" }],
])("the fragment %j names the page %j", (fragment, route) => {
  expect(routeOf(fragment)).toEqual(route);
});

test("the address of a project's page leads there", () => {
  expect(routeOf(annotateAddress("a/b c"))).toEqual({ name: "annotate", project: "a/b c" });
});
