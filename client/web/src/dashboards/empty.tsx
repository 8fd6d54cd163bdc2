import type { ComponentChildren } from "preact";

// In place of what isn't there yet: what to do, as a link.
export function Empty({ children }: { children: ComponentChildren }) {
  return <p class="card empty">{children}</p>;
}
