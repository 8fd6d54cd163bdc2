import { batch, useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { changeQuery, type Query } from "../route";

const REST = 150; // milliseconds

export type Ask = (changes: Query) => void;

// The address's query, with changes that are shown at once and written into the address when they rest: who
// holds an arrow key down walks through more views than browsers let a page write into it.
export function useQuietQuery(query: URLSearchParams): [URLSearchParams, Ask] {
  const pending = useSignal<Query>({});
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  useEffect(() => () => clearTimeout(timer.current), []);

  function write() {
    batch(() => {
      changeQuery(pending.value, { replace: true });
      pending.value = {};
    });
  }
  function ask(changes: Query) {
    pending.value = { ...pending.value, ...changes };
    clearTimeout(timer.current);
    timer.current = setTimeout(write, REST);
  }
  const shown = new URLSearchParams(query);
  for (const [name, value] of Object.entries(pending.value)) {
    if (value === undefined || value === "") shown.delete(name);
    else shown.set(name, String(value));
  }
  return [shown, ask];
}
