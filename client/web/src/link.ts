// Log-in links: the secret stands in the address's fragment, which browsers send to no server.

// The secret of `#link=SECRET`; null: the fragment is no log-in link.
export function linkIn(fragment: string): string | null {
  return new URLSearchParams(fragment.replace(/^#/, "")).get("link");
}

// The secret in the page's address, which loses it: it must not stay in the history.
export function takeLink(): string | null {
  const link = linkIn(location.hash);
  if (link !== null) history.replaceState(null, "", location.pathname + location.search);
  return link;
}
