import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { repeatable } from "./change";

let ids: string[]; // of the requests that came
let answers: (() => Response)[]; // to the next requests; then all succeed
const lost = () => {
  throw new TypeError("Failed to fetch");
};
const refused = () => new Response('{"message":"no"}', { status: 409 });

beforeEach(() => {
  ids = [];
  answers = [];
  vi.stubGlobal("fetch", async (_path: string, init: RequestInit) => {
    ids.push(JSON.parse(String(init.body)).requestId);
    return answers.shift()?.() ?? new Response("{}");
  });
});
afterEach(() => vi.unstubAllGlobals());

test("a change whose answer was lost is asked for again as the same request", async () => {
  const call = repeatable();
  const add = (name: string) => call("ProjectService", "addClass", { project: "parts", name });
  answers = [lost, refused, lost];
  await expect(add("dent")).rejects.toThrow("can't be reached");
  await expect(add("dent")).rejects.toThrow("no");
  await expect(add("scratch")).rejects.toThrow("can't be reached");
  await add("dent");
  const [first, second, other, third] = ids;
  expect([second, third]).toEqual([first, first]);
  expect(other).not.toBe(first);
});

test("what has succeeded is another request the next time, and so is what was lost before it", async () => {
  const call = repeatable();
  const exclude = () => call("ImageService", "excludeImages", { project: "parts", imageIds: ["1"] });
  const restore = () => call("ImageService", "restoreImages", { project: "parts", imageIds: ["1"] });
  answers = [lost];
  await expect(exclude()).rejects.toThrow();
  await restore();
  await exclude();
  await exclude();
  expect(new Set(ids).size).toBe(4);
});
