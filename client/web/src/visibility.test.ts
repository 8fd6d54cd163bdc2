import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { ApiError, NetworkError } from "./api";
import { keepOpen, repeat } from "./visibility";

class FakeDocument extends EventTarget {
  visibilityState = "visible";
  show(state: string) {
    this.visibilityState = state;
    this.dispatchEvent(new Event("visibilitychange"));
  }
}
let page: FakeDocument;

beforeEach(() => {
  page = new FakeDocument();
  vi.stubGlobal("document", page);
  vi.useFakeTimers();
});
afterEach(() => {
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

test("an action is repeated, but not while the page is hidden", async () => {
  const end = new AbortController();
  const action = vi.fn(async () => {});
  const running = repeat(action, 1000, end.signal);
  await vi.advanceTimersByTimeAsync(2500);
  expect(action).toHaveBeenCalledTimes(3);
  page.show("hidden");
  await vi.advanceTimersByTimeAsync(60_000);
  expect(action).toHaveBeenCalledTimes(3);
  page.show("visible");
  await vi.advanceTimersByTimeAsync(0);
  expect(action).toHaveBeenCalledTimes(4);
  end.abort();
  await running;
  await vi.advanceTimersByTimeAsync(5000);
  expect(action).toHaveBeenCalledTimes(4);
});

test("a repeated action that takes long doesn't run twice at once", async () => {
  const end = new AbortController();
  const action = vi.fn(() => new Promise((resolve) => setTimeout(resolve, 10_000)));
  void repeat(action, 1000, end.signal);
  await vi.advanceTimersByTimeAsync(10_500);
  expect(action).toHaveBeenCalledTimes(1);
  await vi.advanceTimersByTimeAsync(1000);
  expect(action).toHaveBeenCalledTimes(2);
  end.abort();
});

// A stream that stays open until it is closed or told how it ends.
function fakeStream() {
  const ends: ((error?: Error) => void)[] = [];
  const open = vi.fn(
    (signal: AbortSignal) =>
      new Promise<void>((resolve, reject) => {
        signal.addEventListener("abort", () => resolve());
        ends.push((error) => (error ? reject(error) : resolve()));
      }),
  );
  return { open, end: (error?: Error) => ends.at(-1)!(error) };
}

test("a stream that breaks off is opened again after a pause", async () => {
  const { open, end } = fakeStream();
  const problems: string[] = [];
  const running = keepOpen(
    open,
    (error) => problems.push(error.message),
    new AbortController().signal,
  );
  await vi.advanceTimersByTimeAsync(0);
  end(new NetworkError());
  await vi.advanceTimersByTimeAsync(1999);
  expect(open).toHaveBeenCalledTimes(1);
  await vi.advanceTimersByTimeAsync(1);
  expect(open).toHaveBeenCalledTimes(2);
  end(new ApiError(503, "SHUTTING_DOWN", "It stops."));
  await vi.advanceTimersByTimeAsync(3999);
  expect(open).toHaveBeenCalledTimes(2);
  await vi.advanceTimersByTimeAsync(1);
  expect(open).toHaveBeenCalledTimes(3);
  expect(problems).toEqual([new NetworkError().message, "It stops."]);
  end();
  await running;
});

test.each([429, 500, 502, 503, 504])("a proxy's answer %d ends no tries", async (status) => {
  const { open, end } = fakeStream();
  const running = keepOpen(open, () => {}, new AbortController().signal);
  await vi.advanceTimersByTimeAsync(0);
  end(new ApiError(status, "", "It isn't there."));
  await vi.advanceTimersByTimeAsync(2000);
  expect(open).toHaveBeenCalledTimes(2);
  end();
  await running;
});

test("a refusal ends the tries", async () => {
  const { open, end } = fakeStream();
  const running = keepOpen(open, () => {}, new AbortController().signal);
  const refused = expect(running).rejects.toThrow("There is no round 9.");
  await vi.advanceTimersByTimeAsync(0);
  end(new ApiError(404, "NO_SUCH_ROUND", "There is no round 9."));
  await refused;
});

test("a stream is closed while the page is hidden", async () => {
  const { open } = fakeStream();
  const over = new AbortController();
  const running = keepOpen(open, () => {}, over.signal);
  await vi.advanceTimersByTimeAsync(0);
  page.show("hidden");
  await vi.advanceTimersByTimeAsync(100_000);
  expect(open.mock.calls[0]![0].aborted).toBe(true);
  expect(open).toHaveBeenCalledTimes(1);
  page.show("visible");
  await vi.advanceTimersByTimeAsync(0);
  expect(open).toHaveBeenCalledTimes(2);
  over.abort();
  await running;
  expect(open.mock.calls[1]![0].aborted).toBe(true);
});
