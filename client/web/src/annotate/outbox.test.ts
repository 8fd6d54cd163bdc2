import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Journal } from "./journal";
import type { Draft, Entry } from "./journal";
import { Outbox } from "./outbox";
import { taskWith } from "./random.test_helper";

// Without a browser's database the journal is in memory.
const draft = (imageId: string): Draft => ({
  owner: "1",
  project: "parts",
  task: taskWith({ imageId }),
  boxes: [],
  nextId: 1,
  spent: { total: 0, boxes: [] },
  at: 0,
  skipped: false,
  remarks: { note: "", flags: [] },
  actions: [],
});
const entry = (requestId: string, at: number, owner = "1"): Entry => ({
  owner,
  project: "parts",
  at,
  draft: { ...draft(requestId), owner },
  refusal: "",
  method: "submit",
  request: { requestId },
});

let answers: (() => Response)[];
let sent: string[];
const ok = () => new Response("{}");
const failure = (status: number, message: string) => () =>
  new Response(JSON.stringify({ message }), { status });

beforeEach(() => {
  vi.useFakeTimers();
  answers = [];
  sent = [];
  vi.stubGlobal("navigator", {});
  vi.stubGlobal("fetch", async (path: string, init: RequestInit) => {
    sent.push(`${path.split("/")[2]} ${JSON.parse(String(init.body)).requestId}`);
    return (answers.shift() ?? ok)();
  });
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

async function outboxWith(...entries: Entry[]) {
  const journal = new Journal();
  for (const each of entries) await journal.post(each, undefined);
  return { journal, outbox: new Outbox(journal, "1") };
}

test("entries are sent in their order, and then forgotten", async () => {
  const { journal, outbox } = await outboxWith(entry("b", 2), entry("a", 1));
  await outbox.kick();
  expect(sent).toEqual(["Submit a", "Submit b"]);
  expect(outbox.waiting.value).toBe(0);
  expect(await journal.entries("1")).toEqual([]);
});

test.each([401, 429, 500, 503])(
  "after status %d the same request is sent again, before those behind it",
  async (status) => {
    const { outbox } = await outboxWith(entry("a", 1), entry("b", 2));
    answers = [failure(status, "not now")];
    await outbox.kick();
    expect(outbox.waiting.value).toBe(2);
    expect(outbox.obstacle.value).toBe("not now");
    await vi.advanceTimersByTimeAsync(1000);
    expect(sent).toEqual(["Submit a", "Submit a", "Submit b"]);
    expect(outbox.waiting.value).toBe(0);
    expect(outbox.obstacle.value).toBe("");
  },
);

test("tries become rarer", async () => {
  const { outbox } = await outboxWith(entry("a", 1));
  answers = Array.from({ length: 100 }, () => failure(503, "not now"));
  await outbox.kick();
  await vi.advanceTimersByTimeAsync(60_000);
  expect(sent.length).toBeGreaterThan(5);
  expect(sent.length).toBeLessThan(12);
});

test("what is refused is kept, and holds nothing up", async () => {
  const { journal, outbox } = await outboxWith(entry("a", 1), entry("b", 2));
  answers = [failure(400, "box 0: class 2 is retired")];
  await outbox.kick();
  expect(sent).toEqual(["Submit a", "Submit b"]);
  expect(outbox.waiting.value).toBe(0);
  expect(outbox.refused.value.map(({ refusal }) => refusal)).toEqual(["box 0: class 2 is retired"]);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(sent).toHaveLength(2);
  await outbox.takeBack(outbox.refused.value[0]!);
  expect(outbox.refused.value).toEqual([]);
  expect(await journal.drafts("1")).toHaveLength(1);
});

test("what somebody else has left is not sent under another name", async () => {
  const { journal, outbox } = await outboxWith(entry("a", 1, "2"));
  await outbox.kick();
  expect(sent).toEqual([]);
  expect(await journal.entries("2")).toHaveLength(1);
});

test("an entry takes the place of its draft", async () => {
  const { journal, outbox } = await outboxWith();
  const waiting = entry("a", 1);
  await journal.keepDraft(waiting.draft);
  await outbox.post(waiting);
  expect(await journal.drafts("1")).toEqual([]);
  await outbox.kick();
  expect(sent).toEqual(["Submit a"]);
});
