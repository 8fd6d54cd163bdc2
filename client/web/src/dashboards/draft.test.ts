import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { read, write } from "./draft";

let items: Map<string, string>;
const storage = {
  getItem: (key: string) => items.get(key) ?? null,
  setItem: (key: string, text: string) => void items.set(key, text),
  removeItem: (key: string) => void items.delete(key),
};

beforeEach(() => {
  vi.useFakeTimers({ now: Date.UTC(2026, 10, 30, 14, 5) });
  items = new Map();
  vi.stubGlobal("sessionStorage", storage);
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

test("a draft is kept with its time until it is dropped, each by its key", () => {
  write("guidelines of parts", { text: "# Dents" });
  write("guidelines of sheets", { text: "# Scratches" });
  expect(read("guidelines of parts")).toEqual({
    value: { text: "# Dents" },
    at: "2026-11-30T14:05:00.000Z",
  });
  write("guidelines of parts", null);
  expect(read("guidelines of parts")).toBeNull();
  expect(items.size).toBe(1);
});

test("without storage, or with a broken draft, there is none", () => {
  write("guidelines of parts", { text: "# Dents" });
  for (const key of items.keys()) items.set(key, "{");
  expect(read("guidelines of parts")).toBeNull();
  vi.stubGlobal("sessionStorage", undefined);
  write("guidelines of parts", { text: "# Dents" });
  expect(read("guidelines of parts")).toBeNull();
});
