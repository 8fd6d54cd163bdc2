import { useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { Failure, Trouble } from "../failure";
import type { Answer, Pages } from "./answer";
import { When } from "./when";

interface PartProps<T> {
  name: string; // its heading
  answer: Answer<T>;
  actions?: (value: T) => ComponentChildren; // beside the heading: choices, downloads
  children: (value: T) => ComponentChildren;
  style?: string; // a class of CSS: one with a height keeps what is below in its place while it loads
}

// A part of a page that loads by itself.
export function Part<T>({ name, answer, actions, children, style = "" }: PartProps<T>) {
  const { value, error, load } = answer;
  const { computedAt } = (value ?? {}) as { computedAt?: string };
  return (
    <section class={`part ${style}`} aria-label={name} aria-busy={value === null && !error}>
      <div class="part-head">
        <h3>{name}</h3>
        {computedAt && <AsOf at={computedAt} load={load} />}
        {value !== null && actions?.(value)}
      </div>
      {error && <Failure message={error.message} retry={() => void load()} />}
      {value === null && !error && <Loading />}
      {value !== null && children(value)}
    </section>
  );
}

function AsOf({ at, load }: { at: string; load: (isUrgent: boolean) => Promise<void> }) {
  const isLoading = useSignal(false);
  async function refresh() {
    isLoading.value = true;
    await load(true);
    isLoading.value = false;
  }
  return (
    <span class="faint as-of">
      as of <When at={at} only="clock" />
      <button type="button" onClick={() => void refresh()} disabled={isLoading.value}>
        {isLoading.value ? "Refreshing…" : "Refresh"}
      </button>
    </span>
  );
}

export function Loading() {
  return (
    <p class="faint" role="status">
      Loading…
    </p>
  );
}

// Below a list that is shown page by page.
export function More<Row>({ pages }: { pages: Pages<Row> }) {
  const { error, hasMore, isLoading, rows, more } = pages;
  if (error) return <Trouble error={error} retry={() => void more()} />;
  if (rows === null) return <Loading />;
  if (!hasMore) return null;
  return (
    <button type="button" class="more" onClick={() => void more()}>
      {isLoading ? "Loading…" : "More"}
    </button>
  );
}
