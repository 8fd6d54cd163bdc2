import type { ComponentChildren } from "preact";
import { Failure } from "../failure";
import type { Answer, Pages } from "./answer";

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
  return (
    <section class={`part ${style}`} aria-label={name} aria-busy={value === null && !error}>
      <div class="part-head">
        <h3>{name}</h3>
        {value !== null && actions?.(value)}
      </div>
      {error && <Failure message={error.message} retry={() => void load()} />}
      {value === null && !error && <Loading />}
      {value !== null && children(value)}
    </section>
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
  if (error) return <Failure message={error.message} retry={() => void more()} />;
  if (rows === null) return <Loading />;
  if (!hasMore) return null;
  return (
    <button type="button" class="more" onClick={() => void more()}>
      {isLoading ? "Loading…" : "More"}
    </button>
  );
}
