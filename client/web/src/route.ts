// Which page the address names, by its fragment: the coordinator serves one file for all of them.

import { signal } from "@preact/signals";

// What a view shows of a page, and how: in the address, so that a link leads to the same view.
export type Query = Record<string, string | number | boolean | undefined>;

// `id`: number of the round or model, id of the image, name of the reviewer; empty: the page has none.
export interface Place {
  readonly project: string;
  readonly id: string;
  readonly query: URLSearchParams;
}

export type ProjectPage =
  | "overview"
  | "rounds"
  | "new round"
  | "round"
  | "models"
  | "model"
  | "compare"
  | "queue"
  | "images"
  | "image"
  | "reviewers"
  | "reviewer"
  | "disagreements"
  | "label errors"
  | "setup";
// Pages of no project.
export type OtherPage = "new project" | "people";

export type Route =
  | { name: "projects" }
  // `open`: id of the answered image that is opened first; empty: none.
  | { name: "annotate"; project: string; open: string }
  | { name: "work"; project: string }
  | ({ name: "dashboard"; page: ProjectPage } & Place)
  | ({ name: "dashboard"; page: OtherPage } & Place);

// What follows `#/p/PROJECT`; `:` stands for the id. The first that fits counts.
const projectPages: [string, ProjectPage][] = [
  ["", "overview"],
  ["/rounds", "rounds"],
  ["/rounds/new", "new round"],
  ["/rounds/:", "round"],
  ["/models", "models"],
  ["/models/:", "model"],
  ["/compare", "compare"],
  ["/queue", "queue"],
  ["/images", "images"],
  ["/images/:", "image"],
  ["/reviewers", "reviewers"],
  ["/reviewers/:", "reviewer"],
  ["/disagreements", "disagreements"],
  ["/label-errors", "label errors"],
  ["/setup", "setup"],
];
const otherPages: [string, OtherPage][] = [
  ["/new", "new project"],
  ["/people", "people"],
];

export function routeOf(fragment: string): Route {
  const [, path = "", text] = /^#([^?]*)(?:\?(.*))?$/.exec(fragment) ?? [];
  const query = new URLSearchParams(text);
  const other = otherPages.find(([at]) => at === path)?.[1];
  if (other) return { name: "dashboard", page: other, project: "", id: "", query };
  const [, name, rest = ""] = /^\/p\/([^/]+)(\/.*)?$/.exec(path) ?? [];
  if (name === undefined) return { name: "projects" };
  const project = decoded(name);
  if (rest === "/work") return { name: "work", project };
  if (rest === "/annotate") return { name: "annotate", project, open: query.get("open") ?? "" };
  for (const [pattern, page] of projectPages) {
    const id = idIn(rest, pattern);
    if (id !== null) return { name: "dashboard", page, project, id, query };
  }
  return { name: "projects" };
}

// null: the path doesn't fit.
function idIn(path: string, pattern: string): string | null {
  if (!pattern.endsWith("/:")) return path === pattern ? "" : null;
  const before = pattern.slice(0, -1);
  const id = path.slice(before.length);
  return path.startsWith(before) && id !== "" && !id.includes("/") ? decoded(id) : null;
}

// `open`: id of an image that the person has answered, to correct it.
export function annotateAddress(project: string, open = ""): string {
  return `#/p/${encodeURIComponent(project)}/annotate${queryText({ open: open || undefined })}`;
}

export function workAddress(project: string): string {
  return `#/p/${encodeURIComponent(project)}/work`;
}

// `id`: of the round, model, image or reviewer, for their pages.
export function pageAddress(page: ProjectPage, project: string, id: string | number = "", query: Query = {}) {
  const pattern = projectPages.find(([, each]) => each === page)![0];
  const rest = pattern.replace(":", encodeURIComponent(id));
  return `#/p/${encodeURIComponent(project)}${rest}${queryText(query)}`;
}

export function otherAddress(page: OtherPage, query: Query = {}): string {
  return `#${otherPages.find(([, each]) => each === page)![0]}${queryText(query)}`;
}

function queryText(query: Query): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined && value !== "") parameters.set(name, String(value));
  }
  const text = parameters.toString();
  return text === "" ? "" : `?${text}`;
}

// Of the browser's tab.
export function titleOf(shown: Route): string {
  return [...placeOf(shown), "Loupe"].filter(Boolean).join(" · ");
}

function placeOf(shown: Route): string[] {
  switch (shown.name) {
    case "projects":
      return [];
    case "annotate":
      return [shown.project, "Label"];
    case "work":
      return [shown.project, "Your work"];
    case "dashboard": {
      const { page, project, id } = shown;
      const title = page === "setup" ? "Set-up" : page[0]!.toUpperCase() + page.slice(1);
      return [project, `${title} ${id}`.trim()];
    }
  }
}

export const route = signal<Route>({ name: "projects" });

export function readAddress(): void {
  route.value = routeOf(location.hash);
}

// The address of the page that is shown, with another query.
export function addressWith(changes: Query): string {
  const [path = "", text] = location.hash.split("?", 2);
  return path + queryText({ ...Object.fromEntries(new URLSearchParams(text)), ...changes });
}

// Changes the query of the page that is shown; an empty or undefined value leaves it. `replace`: the view
// before is no step of the browser's history, as while somebody types.
export function changeQuery(changes: Query, { replace = false } = {}): void {
  const address = addressWith(changes);
  if (address === location.hash) return;
  if (replace) history.replaceState(null, "", address);
  else history.pushState(null, "", address);
  readAddress();
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
