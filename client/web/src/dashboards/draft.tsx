// What a person has typed and not sent. The tab keeps it, so that nothing is lost when the page is left, or
// when the session ends.

import { useSignal } from "@preact/signals";
import { useMemo } from "preact/hooks";
import type { ComponentChildren } from "preact";
import { When } from "./when";

interface Kept<T> {
  readonly value: T;
  readonly at: string; // when it was typed
}

export interface Draft<T> {
  readonly value: T | null; // null: nothing is typed
  readonly foundFrom: string; // when it was typed, if the page found it here; otherwise empty
  readonly set: (value: T | null) => void; // null: it is sent, or thrown away
}

// `key`: the same as long as the page lives.
export function useDraft<T extends object>(key: string): Draft<T> {
  const found = useMemo(() => read<T>(key), []);
  const value = useSignal(found?.value ?? null);
  const foundFrom = useSignal(found?.at ?? "");
  function set(next: T | null) {
    value.value = next;
    if (next === null) foundFrom.value = "";
    write(key, next);
  }
  return { value: value.value, foundFrom: foundFrom.value, set };
}

interface FoundProps<T> {
  draft: Draft<T>;
  children?: ComponentChildren; // what else can be done with it
}

export function FoundDraft<T>({ draft, children }: FoundProps<T>) {
  if (draft.foundFrom === "") return null;
  return (
    <div class="ways draft">
      <span>
        Your draft of <When at={draft.foundFrom} only="clock" />
      </span>
      {children}
      <button type="button" onClick={() => draft.set(null)}>
        Discard it
      </button>
    </div>
  );
}

const storageKey = (key: string) => `loupe-draft ${key}`;

// A browser may have its storage full, or off: then a draft lives as long as its page.
export function read<T>(key: string): Kept<T> | null {
  try {
    return JSON.parse(sessionStorage.getItem(storageKey(key)) ?? "null") as Kept<T> | null;
  } catch {
    return null;
  }
}

export function write(key: string, value: unknown): void {
  try {
    if (value === null) sessionStorage.removeItem(storageKey(key));
    else sessionStorage.setItem(storageKey(key), JSON.stringify({ value, at: new Date().toISOString() }));
  } catch {
    return;
  }
}
