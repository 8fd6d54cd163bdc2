import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Reader } from "./reader";

// A coordinator with answers to images "9", "8", … "1", in pages of at most four.
let newest: number;
let requests: { method: string; body: Record<string, unknown> }[];
let fault: ((method: string) => Response | undefined) | null;

function answer(method: string, body: Record<string, unknown>): object {
  if (method === "GetOwnWork") return { total: { images: String(newest) } };
  if (method === "ListOpenTasks") return { tasks: [{ taskId: "1" }] };
  if (method === "GetStatus") return { images: "20" };
  const first = body.pageToken === "" ? newest : Number(body.pageToken) - 1;
  const count = Math.min(first, Number(body.pageSize), 4);
  const answers = Array.from({ length: count }, (_, i) => ({ image: { id: String(first - i) } }));
  return { answers, nextPageToken: first > count ? String(first - count + 1) : "" };
}

beforeEach(() => {
  newest = 9;
  requests = [];
  fault = null;
  vi.stubGlobal("fetch", async (path: string, init: RequestInit) => {
    const method = path.split("/")[2]!;
    const body = JSON.parse(String(init.body)) as Record<string, unknown>;
    requests.push({ method, body });
    return fault?.(method) ?? new Response(JSON.stringify(answer(method, body)));
  });
});
afterEach(() => vi.unstubAllGlobals());

const shownOn = ({ shown }: Reader) => (shown.value?.answers ?? []).map((each) => Number(each.image?.id));
const away = () => new Response(JSON.stringify({ message: "not now" }), { status: 503 });

test("all is read of the project, since the day began", async () => {
  const reader = new Reader("parts");
  await reader.read();
  expect(shownOn(reader)).toEqual([9, 8, 7, 6]);
  expect(reader.shown.value).toMatchObject({
    work: { total: { images: "9" } },
    openTasks: [{ taskId: "1" }],
    status: { images: "20" },
  });
  expect(requests.map(({ method }) => method).sort()).toEqual([
    "GetOwnWork",
    "GetStatus",
    "ListAnswers",
    "ListOpenTasks",
  ]);
  expect(requests.every(({ body }) => body.project === "parts")).toBe(true);
  const { since } = requests.find(({ method }) => method === "GetOwnWork")!.body;
  expect(new Date(String(since)).toLocaleTimeString("en-GB")).toBe("00:00:00");
});

test("older answers are added up to the first one", async () => {
  const reader = new Reader("parts");
  await reader.read();
  await reader.more();
  expect(shownOn(reader)).toEqual([9, 8, 7, 6, 5, 4, 3, 2]);
  await reader.more();
  expect(shownOn(reader)).toEqual([9, 8, 7, 6, 5, 4, 3, 2, 1]);
  expect(reader.shown.value!.nextPageToken).toBe("");
  await reader.more();
  expect(requests).toHaveLength(6);
});

test("two clicks add one page", async () => {
  const reader = new Reader("parts");
  await reader.read();
  await Promise.all([reader.more(), reader.more()]);
  expect(shownOn(reader)).toEqual([9, 8, 7, 6, 5, 4, 3, 2]);
});

test("an answer that was sent meanwhile makes no page come twice", async () => {
  const reader = new Reader("parts");
  await reader.read();
  newest = 10;
  await Promise.all([reader.more(), reader.read()]);
  const shown = shownOn(reader);
  expect(shown).toEqual([...new Set(shown)].sort((a, b) => b - a));
  expect(shown[0]).toBe(10);
});

test("as many answers as were shown are read again", async () => {
  const reader = new Reader("parts");
  await reader.read();
  reader.shown.value = { ...reader.shown.value!, answers: Array.from({ length: 70 }, () => ({})) };
  await reader.read();
  const sizes = requests.filter(({ method }) => method === "ListAnswers").map(({ body }) => body.pageSize);
  expect(sizes).toEqual([20, 70]);
});

test("what changes while it is read is read again", async () => {
  const reader = new Reader("parts");
  const first = reader.read();
  while (requests.length === 0) await Promise.resolve();
  newest = 10;
  await Promise.all([first, reader.read(), reader.read()]);
  expect(shownOn(reader)[0]).toBe(10);
  expect(requests).toHaveLength(8);
  await reader.read();
  expect(requests).toHaveLength(12);
});

test.each(["GetOwnWork", "ListOpenTasks", "GetStatus", "ListAnswers"])(
  "when %s fails, what was shown stays, and the error until it succeeds",
  async (failing) => {
    const reader = new Reader("parts");
    fault = (method) => (method === failing ? away() : undefined);
    await reader.read();
    expect(reader.shown.value).toBeNull();
    expect(reader.error.value).toBe("not now");
    fault = null;
    await reader.read();
    expect(reader.error.value).toBe("");
    const { value: before } = reader.shown;
    fault = (method) => (method === failing ? away() : undefined);
    await reader.read();
    expect(reader.error.value).toBe("not now");
    expect(reader.shown.value).toBe(before);
  },
);

test("older answers that can't be read leave the others, and can be asked for again", async () => {
  const reader = new Reader("parts");
  await reader.read();
  fault = away;
  await reader.more();
  expect(reader.moreError.value).toBe("not now");
  expect(shownOn(reader)).toEqual([9, 8, 7, 6]);
  fault = null;
  await reader.more();
  expect(reader.moreError.value).toBe("");
  expect(shownOn(reader)).toHaveLength(8);
});
