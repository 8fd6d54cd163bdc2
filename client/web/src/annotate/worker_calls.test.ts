import { expect, test } from "vitest";
import { WorkerCalls } from "./worker_calls";

class FakeWorker {
  onmessage: ((event: { data: unknown }) => void) | null = null;
  onerror: (() => void) | null = null;
  readonly asked: { id: number; question: string }[] = [];
  isEnded = false;

  postMessage(message: { id: number; question: string }): void {
    this.asked.push(message);
  }

  terminate(): void {
    this.isEnded = true;
  }

  answer(place: number, answer: string): void {
    this.onmessage!({ data: { id: this.asked[place]!.id, answer } });
  }
}

function callsTo(workers: FakeWorker[]): WorkerCalls<string, string> {
  return new WorkerCalls(() => {
    workers.push(new FakeWorker());
    return workers.at(-1) as unknown as Worker;
  });
}

test("each question gets its own answer, in whatever order they come", async () => {
  const workers: FakeWorker[] = [];
  const calls = callsTo(workers);
  const answers = ["a", "b"].map((question) => calls.ask(question));
  workers[0]!.answer(1, "of b");
  workers[0]!.answer(0, "of a");
  expect(await Promise.all(answers)).toEqual(["of a", "of b"]);
  expect(workers).toHaveLength(1);
});

test("a failure is that of one question", async () => {
  const workers: FakeWorker[] = [];
  const calls = callsTo(workers);
  const [bad, good] = ["bad", "good"].map((question) => calls.ask(question));
  workers[0]!.onmessage!({ data: { id: workers[0]!.asked[0]!.id, failure: "no memory" } });
  workers[0]!.answer(1, "fine");
  await expect(bad).rejects.toThrow("no memory");
  expect(await good).toBe("fine");
});

test("a worker that fails leaves no question open, and another one takes its place", async () => {
  const workers: FakeWorker[] = [];
  const calls = callsTo(workers);
  const open = calls.ask("a");
  workers[0]!.onerror!();
  await expect(open).rejects.toThrow("can't run its worker");
  expect(workers[0]!.isEnded).toBe(true);
  const next = calls.ask("b");
  workers[1]!.answer(0, "of b");
  expect(await next).toBe("of b");
});
