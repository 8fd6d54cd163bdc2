import { expect, test } from "vitest";
import { sorted } from "./chosen_files";
import { Pace } from "./pace";
import { addedUp, inRequests } from "./requests";
import { eachOf } from "./sender";
import { partHead } from "./upload_part";

const chosen = (...paths: string[]) => paths.map((path) => ({ path, file: new File(["x"], "x") }));

test("pictures, JSON files and others are told apart; hidden ones and thumbnails are left out", () => {
  const files = sorted(
    chosen("b.PNG", "a/x.jpeg", "labels.json", "notes.txt", ".DS_Store", "thumbs/a.jpg", "a/.x.png", "b.PNG"),
  );
  expect(files.pictures.map(({ path }) => path)).toEqual(["a/x.jpeg", "b.PNG"]);
  expect(files.jsonFiles.map(({ path }) => path)).toEqual(["labels.json"]);
  expect(files.leftOut).toEqual([".DS_Store", "a/.x.png", "notes.txt", "thumbs/a.jpg"]);
});

test("the head of a part is protobuf's", () => {
  const head = partHead(Uint8Array.from([1, 2]), 300, 1 << 20, 5);
  expect([...head]).toEqual([10, 2, 1, 2, 16, 172, 2, 24, 128, 128, 64, 34, 5]);
  expect([...partHead(new Uint8Array(), 2 ** 33, 0, 0)]).toEqual([
    10, 0, 16, 128, 128, 128, 128, 32, 24, 0, 34, 0,
  ]);
});

test("the pace is that of the last seconds", () => {
  const pace = new Pace();
  pace.note(0, 0);
  expect(pace.rate).toBe(null);
  for (let second = 1; second <= 30; ++second) pace.note(second * 1000, 1e6 * second);
  expect(pace.rate).toBe(1e6);
  expect(pace.timeFor(5e6)).toBe(5000);
  for (let second = 31; second <= 60; ++second) pace.note(second * 1000, 30e6);
  expect(pace.rate).toBe(0);
  expect(pace.timeFor(1)).toBe(null);
});

test("requests hold as much as the coordinator takes", () => {
  const pictures = Array.from({ length: 45_000 }, (_, i) => ({ path: `${i}.png`, sha256: "x".repeat(44) }));
  const requests = inRequests(pictures);
  expect(requests.map(({ length }) => length)).toEqual([20_000, 20_000, 5_000]);
  expect(requests.flat()).toEqual(pictures);
  const long = pictures.slice(0, 20_000).map(({ path }) => ({ path: "ü".repeat(400) + path, sha256: "" }));
  for (const request of inRequests(long)) {
    expect(new TextEncoder().encode(JSON.stringify(request)).length).toBeLessThan(3_600_000);
  }
  expect(inRequests([])).toEqual([]);
});

test("results are added up, and their lists stay short", () => {
  const skipped = Array.from({ length: 15 }, (_, i) => `${i}`);
  const total = addedUp([
    { added: "3", skipped, skippedTotal: "15" },
    { added: "4", skipped, skippedTotal: "15" },
  ]);
  expect(total).toMatchObject({ added: "7", skippedTotal: "30" });
  expect(total.skipped).toHaveLength(20);
});

test("after an error nothing further begins", async () => {
  const begun: number[] = [];
  const all = eachOf([1, 2, 3, 4, 5, 6], 2, async (item) => {
    begun.push(item);
    await new Promise((done) => setTimeout(done, 5));
    if (item === 2) throw new Error("two");
  });
  await expect(all).rejects.toThrow("two");
  await new Promise((done) => setTimeout(done, 20));
  expect(begun.length).toBeLessThan(5);
});
