// Work that rests while nobody sees the page: a browser has six connections to a coordinator for all tabs.

import { ApiError, NetworkError } from "./api";

const FIRST_PAUSE = 2000; // milliseconds
const LONGEST_PAUSE = 30_000;

// Returns when the page is seen, or the signal has ended.
async function seen(signal: AbortSignal): Promise<void> {
  while (document.visibilityState !== "visible" && !signal.aborted) {
    await new Promise((resolve) => {
      const options = { once: true, signal };
      document.addEventListener("visibilitychange", resolve, options);
      signal.addEventListener("abort", resolve, { once: true });
    });
  }
}

function pause(milliseconds: number, signal: AbortSignal): Promise<unknown> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds);
    signal.addEventListener("abort", () => resolve(clearTimeout(timer)), { once: true });
  });
}

// Runs `action` now and again so long after it has ended, until the signal ends; not while the page is hidden.
export async function repeat(
  action: () => Promise<unknown>,
  milliseconds: number,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    await action();
    await pause(milliseconds, signal);
    await seen(signal);
  }
}

// Keeps a stream open (`open` is called with the signal that ends it): closes it while the page is hidden, and
// opens it again when it breaks off, after a pause. Returns when the stream has ended as it should, or the
// signal has. `problem` is told why nothing comes, and null when the stream is open again. Throws ApiError
// when opening it again is of no use.
export async function keepOpen(
  open: (signal: AbortSignal) => Promise<void>,
  problem: (error: Error | null) => void,
  signal: AbortSignal,
): Promise<void> {
  let wait = FIRST_PAUSE;
  for (;;) {
    await seen(signal);
    if (signal.aborted) return;
    const closing = new AbortController();
    const close = () => closing.abort();
    const hide = () => document.visibilityState === "visible" || close();
    signal.addEventListener("abort", close);
    document.addEventListener("visibilitychange", hide);
    const opened = Date.now();
    try {
      problem(null);
      await open(closing.signal);
      if (signal.aborted || !closing.signal.aborted) return;
    } catch (error) {
      if (!isPassing(error)) throw error;
      problem(error as Error);
      wait = Date.now() - opened > LONGEST_PAUSE ? FIRST_PAUSE : Math.min(2 * wait, LONGEST_PAUSE);
      await pause(wait, signal);
    } finally {
      signal.removeEventListener("abort", close);
      document.removeEventListener("visibilitychange", hide);
    }
  }
}

function isPassing(error: unknown): boolean {
  return error instanceof NetworkError || (error instanceof ApiError && [429, 503].includes(error.httpStatus));
}
