// Which page the address names, by its fragment: the coordinator serves one file for all of them.

import { signal } from "@preact/signals";

export type Route =
  | { name: "projects" }
  // `open`: id of the answered image that is opened first; empty: none.
  | { name: "annotate"; project: string; open: string }
  | { name: "work"; project: string };

export function routeOf(fragment: string): Route {
  const [, name, page, query] = /^#\/p\/([^/]+)\/(annotate|work)(?:\?(.*))?$/.exec(fragment) ?? [];
  if (name === undefined) return { name: "projects" };
  const project = decoded(name);
  if (page === "work") return { name: "work", project };
  return { name: "annotate", project, open: new URLSearchParams(query).get("open") ?? "" };
}

// `open`: id of an image that the person has answered, to correct it.
export function annotateAddress(project: string, open = ""): string {
  const address = `#/p/${encodeURIComponent(project)}/annotate`;
  return open === "" ? address : `${address}?open=${encodeURIComponent(open)}`;
}

export function workAddress(project: string): string {
  return `#/p/${encodeURIComponent(project)}/work`;
}

export const route = signal<Route>({ name: "projects" });

export function readAddress(): void {
  route.value = routeOf(location.hash);
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
