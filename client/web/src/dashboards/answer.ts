// What a part of a page asks of the coordinator. Parts load by themselves, and fail by themselves.

import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { guarded } from "../session";
import { keepOpen, repeat } from "../visibility";

export interface Answer<T> {
  readonly value: T | null; // null: it hasn't come yet
  readonly error: Error | null; // of the last try; what came before it stays
  readonly load: () => Promise<void>; // asks again
}

// `inputs`: what the question is made of; when one changes, the answer to the old question is dropped.
export function useAnswer<T>(ask: () => Promise<T>, inputs: readonly unknown[]): Answer<T> {
  const state = useSignal<{ value: T | null; error: Error | null }>({ value: null, error: null });
  const latest = useRef(0);

  async function load() {
    const number = ++latest.current;
    try {
      const value = await guarded(ask());
      if (number === latest.current) state.value = { value, error: null };
    } catch (error) {
      if (number === latest.current) state.value = { ...state.value, error: error as Error };
    }
  }
  useEffect(() => {
    state.value = { value: null, error: null };
    void load();
    return () => void ++latest.current;
  }, inputs);
  return { ...state.value, load };
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
export function useStream<T>(
  open: (take: (message: T) => void, signal: AbortSignal) => Promise<void>,
  inputs: readonly unknown[],
): { value: T | null; error: Error | null } {
  const value = useSignal<T | null>(null);
  const error = useSignal<Error | null>(null);
  useEffect(() => {
    const end = new AbortController();
    value.value = null;
    error.value = null;
    const take = (message: T) => {
      if (!end.signal.aborted) value.value = message;
    };
    const keep = keepOpen(
      (signal) => open(take, signal),
      (problem) => (error.value = problem),
      end.signal,
    );
    guarded(keep).catch((refusal) => (error.value = refusal as Error));
    return () => end.abort();
  }, inputs);
  return { value: value.value, error: error.value };
}

export interface Pages<Row> {
  readonly rows: readonly Row[] | null; // null: the first page hasn't come yet
  readonly error: Error | null;
  readonly hasMore: boolean;
  readonly isLoading: boolean;
  readonly more: () => Promise<void>; // also after an error
}

// Rows page by page. `ask`: gives the page of this token; the first one's is empty.
export function usePages<Row>(
  ask: (pageToken: string) => Promise<{ rows: readonly Row[]; nextPageToken: string }>,
  inputs: readonly unknown[],
): Pages<Row> {
  const none = { rows: null as readonly Row[] | null, token: "", error: null as Error | null, isLoading: false };
  const state = useSignal(none);
  const latest = useRef(0);

  async function more() {
    const { rows: before, token, isLoading } = state.value;
    if (isLoading) return;
    const number = latest.current;
    state.value = { ...state.value, isLoading: true, error: null };
    let next;
    try {
      const page = await guarded(ask(token));
      next = { rows: [...(before ?? []), ...page.rows], token: page.nextPageToken, error: null };
    } catch (error) {
      next = { rows: before, token, error: error as Error };
    }
    if (number === latest.current) state.value = { ...next, isLoading: false };
  }
  useEffect(() => {
    ++latest.current;
    state.value = none;
    void more();
    return () => void ++latest.current;
  }, inputs);
  const { rows, token, error, isLoading } = state.value;
  return { rows, error, hasMore: rows !== null && token !== "", isLoading, more };
}
