// Work that rests while nobody sees the page: a browser has six connections to a coordinator for all tabs.

import { isPassing } from "./api";

const FIRST_PAUSE = 2000; // milliseconds
const LONGEST_PAUSE = 30_000;

// Returns when what `listen` waits for has come, or the signal has ended. `listen` returns the way to stop.
function waitFor(listen: (come: () => void) => () => void, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const come = () => {
      stop();
      signal.removeEventListener("abort", come);
      resolve();
    };
    const stop = listen(come);
    signal.addEventListener("abort", come);
  });
}

async function seen(signal: AbortSignal): Promise<void> {
  while (document.visibilityState !== "visible" && !signal.aborted) {
    await waitFor((come) => {
      document.addEventListener("visibilitychange", come);
      return () => document.removeEventListener("visibilitychange", come);
    }, signal);
  }
}

async function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await waitFor((come) => {
    const timer = setTimeout(come, milliseconds);
    return () => clearTimeout(timer);
  }, signal);
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
// signal has. `problem` is told why nothing comes. Throws ApiError when opening it again is of no use.
export async function keepOpen(
  open: (signal: AbortSignal) => Promise<void>,
  problem: (error: Error) => void,
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
      await open(closing.signal);
      if (signal.aborted || !closing.signal.aborted) return;
    } catch (error) {
      if (!isPassing(error)) throw error;
      problem(error as Error);
      if (Date.now() - opened > LONGEST_PAUSE) wait = FIRST_PAUSE;
      await pause(wait, signal);
      wait = Math.min(2 * wait, LONGEST_PAUSE);
    } finally {
      signal.removeEventListener("abort", close);
      document.removeEventListener("visibilitychange", hide);
    }
  }
}
