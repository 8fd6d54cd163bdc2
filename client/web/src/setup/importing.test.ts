import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { Chosen } from "./chosen_files";
import { Importing, type State } from "./importing";
import { Sender, type Progress } from "./sender";
import { PART_BYTES } from "./upload_part";
import { UploadServer, refused } from "./upload_server.test_helper";

let server: UploadServer;
beforeEach(() => {
  server = new UploadServer();
  vi.stubGlobal("fetch", server.fetch);
});
afterEach(() => vi.unstubAllGlobals());

const SIZE = 3 * PART_BYTES + 7;
const chosen = (path: string, bytes: number, fill = 1): Chosen => ({
  path,
  file: new File([new Uint8Array(bytes).fill(fill)], path),
});
const huge: Chosen = { path: "a/huge.png", file: { size: 2 ** 28 + 1 } as File };
const options = { coco: null, labelled: "LABELLED_ALL", blind: false, replace: false } as const;

function sent(files: readonly Chosen[]) {
  const told: Progress[] = [];
  const { signal } = new AbortController();
  const sender = new Sender("castings", files, signal, (progress) => told.push(progress));
  return { done: sender.run(), told };
}

async function imported(files: readonly Chosen[], skipBad: boolean): Promise<State> {
  const importing = new Importing("castings");
  await importing.run(files, { ...options, skipBad });
  return importing.state.value;
}

test("a file whose parts went away meanwhile is taken up from what is there", async () => {
  server.beforePart = (at) => {
    if (at === 3 || at === 5) server.received.clear();
  };
  const { done, told } = sent([chosen("a.png", SIZE)]);
  expect(await done).toHaveLength(1);
  const parts = [0, 1, 2, 0, 1, 0, 1, 2, 3];
  expect(server.parts).toEqual(parts.map((part) => part * PART_BYTES));
  expect(told.at(-1)).toMatchObject({ files: 1, sentBytes: SIZE, trouble: "" });
});

test("a file whose parts go away again and again ends with a refusal that names it", async () => {
  server.beforePart = () => server.received.clear();
  await expect(sent([chosen("a.png", SIZE)]).done).rejects.toThrow("a.png: only 0 bytes have come");
});

test("a refusal of one file names it", async () => {
  server.beforePart = () => refused("", "size_bytes is wrong");
  await expect(sent([chosen("a/b.png", 3)]).done).rejects.toThrow("a/b.png: size_bytes is wrong");
});

test("a proxy's error passes by itself", async () => {
  const answers = [new Response("<h1>Bad gateway</h1>", { status: 502 })];
  server.beforePart = () => answers.pop();
  expect(await sent([chosen("a.png", 3)]).done).toHaveLength(1);
});

test("files that are too large are problems, and nothing is sent", async () => {
  expect(await imported([chosen("a.png", 3), huge], false)).toEqual({
    name: "failed",
    problems: ["nothing was imported:", "a/huge.png: it is larger than 256 MiB"],
    reason: "",
  });
  expect(server.parts).toEqual([]);
});

test("files that are too large are left out where what is bad is", async () => {
  expect(await imported([chosen("a.png", 3), huge], true)).toMatchObject({
    name: "done",
    result: { added: "1", skipped: ["a/huge.png: it is larger than 256 MiB"], skippedTotal: "1" },
    unnamed: 0,
  });
});

test("what went away before it was imported is sent again", async () => {
  server.beforeImport = (at) => {
    if (at === 0) server.received.clear();
  };
  const state = await imported([chosen("a.png", 3), chosen("b.png", 3, 2)], false);
  expect(state).toMatchObject({ name: "done", result: { added: "2" } });
  expect(server.parts).toHaveLength(4);
});
