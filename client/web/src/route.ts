// Which page the address names, by its fragment: the coordinator serves one file for all of them.

import { signal } from "@preact/signals";

export type Route = { name: "projects" } | { name: "annotate"; project: string };

export function routeOf(fragment: string): Route {
  const project = /^#\/p\/([^/]+)\/annotate$/.exec(fragment)?.[1];
  return project === undefined ? { name: "projects" } : { name: "annotate", project: decoded(project) };
}

export function annotateAddress(project: string): string {
  return `#/p/${encodeURIComponent(project)}/annotate`;
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
