// What a part of a page asks of the coordinator. Parts load by themselves, and fail by themselves.

import { useSignal } from "@preact/signals";
import { useEffect, useMemo, useRef } from "preact/hooks";
import { ApiError } from "../api";
import { guarded } from "../session";
import { keepOpen, repeat } from "../visibility";

const AFTER_BUSY = 3000; // milliseconds
const A_DAY = 24 * 3600; // seconds

export interface Answer<T> {
  readonly value: T | null; // null: it hasn't come yet
  readonly error: Error | null; // of the last try; what came before it stays
  // Asks again. `isUrgent`: what the coordinator has kept won't do.
  readonly load: (isUrgent?: boolean) => Promise<void>;
}

// `inputs`: what the question is made of; when one changes, the answer to the old question is dropped. `show`:
// shows a value until the one comes that is returned.
export function useAnswer<T>(
  ask: (show: (value: T) => void, isUrgent: boolean) => Promise<T>,
  inputs: readonly unknown[],
): Answer<T> {
  const state = useSignal<{ value: T | null; error: Error | null }>({ value: null, error: null });
  const latest = useRef(0);

  async function load(isUrgent = false) {
    const number = ++latest.current;
    const show = (value: T) => {
      if (number === latest.current) state.value = { value, error: null };
    };
    try {
      show(await guarded(ask(show, isUrgent)));
    } catch (error) {
      if (number !== latest.current) return;
      state.value = { ...state.value, error: error as Error };
      // Many asked at once. The wait differs, so that they don't come back at once.
      if (error instanceof ApiError && error.httpStatus === 429) {
        setTimeout(() => number === latest.current && void load(), AFTER_BUSY * (1 + Math.random()));
      }
    }
  }
  useEffect(() => {
    state.value = { value: null, error: null };
    void load();
    return () => void ++latest.current;
  }, inputs);
  return { ...state.value, load };
}

// Asks for figures that the coordinator keeps: first for those that it has, which come at once, and then for
// newer ones if they are older than `freshSeconds`, or from before `changedAt()`, which changed them.
export function fresh<T extends { computedAt?: string }>(
  ask: (maxAgeSeconds: number) => Promise<T>,
  freshSeconds: number,
  changedAt: () => string | undefined = () => undefined,
): (show: (value: T) => void, isUrgent: boolean) => Promise<T> {
  return async (show, isUrgent) => {
    if (isUrgent) return ask(0);
    const kept = await ask(A_DAY);
    const isBefore = isOlder(kept, changedAt());
    if (!isBefore && Date.now() - Date.parse(kept.computedAt ?? "") <= 1000 * freshSeconds) return kept;
    show(kept);
    return ask(isBefore ? 0 : freshSeconds);
  };
}

function isOlder({ computedAt }: { computedAt?: string }, at: string | undefined): boolean {
  return at !== undefined && Date.parse(computedAt ?? "") < Date.parse(at);
}

// Loads again and again while the page is seen.
export function useRepeat(load: () => Promise<void>, milliseconds: number, inputs: readonly unknown[]): void {
  const now = useRef(load);
  now.current = load;
  useEffect(() => {
    const end = new AbortController();
    // The first time was asked for when the part was made.
    const timer = setTimeout(() => void repeat(() => now.current(), milliseconds, end.signal), milliseconds);
    return () => {
      clearTimeout(timer);
      end.abort();
    };
  }, inputs);
}

// The latest message of a stream. `open`: a call of `stream` with this signal and way to take messages.
// `load` opens it at once, where it waits to be opened again or was refused.
export function useStream<T>(
  open: (take: (message: T) => void, signal: AbortSignal) => Promise<void>,
  inputs: readonly unknown[],
): { value: T | null; error: Error | null; load: () => void } {
  const value = useSignal<T | null>(null);
  const error = useSignal<Error | null>(null);
  const loads = useSignal(0);
  useEffect(() => void (value.value = null), inputs);
  useEffect(() => {
    const end = new AbortController();
    error.value = null;
    const take = (message: T) => {
      if (end.signal.aborted) return;
      value.value = message;
      error.value = null;
    };
    const keep = keepOpen(
      (signal) => open(take, signal),
      (problem) => (error.value = problem),
      end.signal,
    );
    guarded(keep).catch((refusal) => (error.value = refusal as Error));
    return () => end.abort();
  }, [...inputs, loads.value]);
  return { value: value.value, error: error.value, load: () => void ++loads.value };
}

interface Page<Row> {
  readonly rows: readonly Row[];
  readonly nextPageToken: string;
}

export interface Pages<Row, P extends Page<Row> = Page<Row>> {
  readonly rows: readonly Row[] | null; // null: the first page hasn't come yet
  // With what else the pages tell, of this question and no earlier one.
  readonly first: P | null;
  readonly last: P | null;
  readonly error: Error | null;
  readonly hasMore: boolean;
  readonly isLoading: boolean;
  readonly more: () => Promise<void>; // also after an error
}

// Rows page by page. `ask`: gives the page of this token; the first one's is empty.
export function usePages<P extends Page<unknown>>(
  ask: (pageToken: string) => Promise<P>,
  inputs: readonly unknown[],
): Pages<P["rows"][number], P> {
  const none = { pages: [] as readonly P[], error: null as Error | null, isLoading: false };
  const state = useSignal(none);
  const latest = useRef(0);

  async function more() {
    const { pages, isLoading } = state.value;
    if (isLoading) return;
    const number = latest.current;
    state.value = { pages, isLoading: true, error: null };
    let next;
    try {
      next = { pages: [...pages, await guarded(ask(pages.at(-1)?.nextPageToken ?? ""))], error: null };
    } catch (error) {
      next = { pages, error: error as Error };
    }
    if (number === latest.current) state.value = { ...next, isLoading: false };
  }
  useEffect(() => {
    ++latest.current;
    state.value = none;
    void more();
    return () => void ++latest.current;
  }, inputs);
  const { pages, error, isLoading } = state.value;
  const rows = useMemo(() => (pages.length === 0 ? null : pages.flatMap((page) => page.rows)), [pages]);
  const [first = null, last = null] = [pages[0], pages.at(-1)];
  return { rows, first, last, error, hasMore: !!last?.nextPageToken, isLoading, more };
}

// Figures that the coordinator keeps, and newer ones as `fresh` says.
export function useKept<T extends { computedAt?: string }>(
  ask: (maxAgeSeconds: number) => Promise<T>,
  freshSeconds: number,
  inputs: readonly unknown[],
  changedAt?: string,
): Answer<T> {
  // It may become known while the answer is on its way.
  const changed = useRef(changedAt);
  changed.current = changedAt;
  const answer = useAnswer(
    fresh(ask, freshSeconds, () => changed.current),
    inputs,
  );
  useEffect(() => {
    if (answer.value && isOlder(answer.value, changedAt)) void answer.load();
  }, [changedAt]);
  useRepeat(answer.load, 1000 * freshSeconds, inputs);
  return answer;
}
