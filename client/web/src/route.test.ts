import { afterEach, expect, test, vi } from "vitest";
import {
  annotateAddress,
  changeQuery,
  otherAddress,
  pageAddress,
  route,
  routeOf,
  titleOf,
  workAddress,
} from "./route";

const dashboard = (page: string, project: string, id = "", query = "") => {
  return { name: "dashboard", page, project, id, query: new URLSearchParams(query) };
};

test.each([
  ["", { name: "projects" }],
  ["#", { name: "projects" }],
  ["#link=x", { name: "projects" }],
  ["#/p", { name: "projects" }],
  ["#/p/", { name: "projects" }],
  ["#/p/castings/", { name: "projects" }],
  ["#/p/castings/rounds/3/4", { name: "projects" }],
  ["#/p/castings/rounds/", { name: "projects" }],
  ["#/p/castings", dashboard("overview", "castings")],
  ["#/p/a%20b?by=seconds", dashboard("overview", "a b", "", "by=seconds")],
  ["#/p/castings/rounds", dashboard("rounds", "castings")],
  ["#/p/castings/rounds/new", dashboard("new round", "castings")],
  ["#/p/castings/rounds/3", dashboard("round", "castings", "3")],
  ["#/p/castings/models", dashboard("models", "castings")],
  ["#/p/castings/models/round-1", dashboard("model", "castings", "round-1")],
  ["#/p/castings/compare?a=1&b=2", dashboard("compare", "castings", "", "a=1&b=2")],
  ["#/p/castings/queue", dashboard("queue", "castings")],
  ["#/p/castings/images?side=pool", dashboard("images", "castings", "", "side=pool")],
  ["#/p/castings/images/17?box=4", dashboard("image", "castings", "17", "box=4")],
  ["#/p/castings/label-errors", dashboard("label errors", "castings")],
  ["#/p/castings/setup", dashboard("setup", "castings")],
  ["#/p/rounds/rounds", dashboard("rounds", "rounds")],
  ["#/new", dashboard("new project", "")],
  ["#/people", dashboard("people", "")],
  ["#/people/1", { name: "projects" }],
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

test.each(["castings", "a/b c", "100%", "what?", "a&b=c#d"])("pages of %j have addresses", (project) => {
  expect(routeOf(pageAddress("overview", project))).toEqual(dashboard("overview", project));
  expect(routeOf(pageAddress("round", project, 3))).toEqual(dashboard("round", project, "3"));
  expect(routeOf(pageAddress("model", project, project))).toEqual(dashboard("model", project, project));
  const query = { file: project, box: 4, none: undefined, nothing: "" };
  const { query: read, ...place } = routeOf(pageAddress("image", project, "17", query)) as any;
  expect(place).toEqual({ name: "dashboard", page: "image", project, id: "17" });
  expect([...read]).toEqual([
    ["file", project],
    ["box", "4"],
  ]);
});

test("pages of no project have addresses", () => {
  expect(routeOf(otherAddress("new project"))).toEqual(dashboard("new project", ""));
  expect(routeOf(otherAddress("people", { role: "viewer" }))).toEqual(
    dashboard("people", "", "", "role=viewer"),
  );
});

afterEach(() => vi.unstubAllGlobals());

test("a change of the query keeps the rest of the address", () => {
  const location = { hash: "#/p/a%20b/images?side=pool&by=age" };
  const pushState = vi.fn((_state, _title, address: string) => (location.hash = address));
  const replaceState = vi.fn((_state, _title, address: string) => (location.hash = address));
  vi.stubGlobal("location", location);
  vi.stubGlobal("history", { pushState, replaceState });
  changeQuery({ by: "score", class: 2 });
  expect(location.hash).toBe("#/p/a%20b/images?side=pool&by=score&class=2");
  expect(route.value).toEqual(dashboard("images", "a b", "", "side=pool&by=score&class=2"));
  changeQuery({ side: "", by: undefined, class: "" }, { replace: true });
  expect(location.hash).toBe("#/p/a%20b/images");
  changeQuery({ side: undefined });
  expect(pushState).toHaveBeenCalledTimes(1);
  expect(replaceState).toHaveBeenCalledTimes(1);
});

test.each([
  ["", "Loupe"],
  ["#/people", "People · Loupe"],
  ["#/p/steel", "steel · Overview · Loupe"],
  ["#/p/steel/rounds/5?kind=missed", "steel · Round 5 · Loupe"],
  ["#/p/steel/setup", "steel · Set-up · Loupe"],
  ["#/p/steel/annotate", "steel · Label · Loupe"],
  ["#/p/steel/work", "steel · Your work · Loupe"],
])("the tab of %j is called %j", (fragment, title) => {
  expect(titleOf(routeOf(fragment))).toBe(title);
});
