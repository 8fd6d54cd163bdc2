import { expect, test } from "vitest";
import { annotateAddress, routeOf, workAddress } from "./route";

test.each([
  ["", { name: "projects" }],
  ["#", { name: "projects" }],
  ["#link=x", { name: "projects" }],
  ["#/p/castings", { name: "projects" }],
  ["#/p//annotate", { name: "projects" }],
  ["#/p/castings/annotated", { name: "projects" }],
  ["#/p/castings/annotate", { name: "annotate", project: "castings", open: "" }],
  ["#/p/a%20b/annotate", { name: "annotate", project: "a b", open: "" }],
  ["#/p/%/annotate", { name: "annotate", project: "%", open: "" }],
  ["#/p/castings/annotate?", { name: "annotate", project: "castings", open: "" }],
  ["#/p/castings/annotate?open=", { name: "annotate", project: "castings", open: "" }],
  ["#/p/castings/annotate?open=17", { name: "annotate", project: "castings", open: "17" }],
  ["#/p/castings/annotate?other=1&open=17", { name: "annotate", project: "castings", open: "17" }],
  ["#/p//work", { name: "projects" }],
  ["#/p/castings/work", { name: "work", project: "castings" }],
  ["#/p/a%20b/work", { name: "work", project: "a b" }],
  ["#/p/work/annotate", { name: "annotate", project: "work", open: "" }],
])("the fragment %j names the page %j", (fragment, route) => {
  expect(routeOf(fragment)).toEqual(route);
});

test.each(["castings", "a/b c", "100%", "what?", "a&b=c#d"])("addresses of %j lead there", (project) => {
  expect(routeOf(annotateAddress(project))).toEqual({ name: "annotate", project, open: "" });
  expect(routeOf(annotateAddress(project, "17"))).toEqual({ name: "annotate", project, open: "17" });
  expect(routeOf(workAddress(project))).toEqual({ name: "work", project });
});
