// Questions to a worker, and its answers. The worker is made at first use, and made anew after it has failed.

export type Answered<Answer> = { readonly id: number } & (
  | { readonly answer: Answer }
  | { readonly failure: string }
);

interface Waiting<Answer> {
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: Error) => void;
}

export class WorkerCalls<Question, Answer> {
  private worker: Worker | null = null;
  private waiting = new Map<number, Waiting<Answer>>();
  private asked = 0;

  constructor(private readonly make: () => Worker) {}

  // Rejects with the reason why there is no answer.
  ask(question: Question): Promise<Answer> {
    const worker = this.running();
    const id = ++this.asked;
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { resolve, reject });
      worker.postMessage({ id, question });
    });
  }

  stop(): void {
    this.worker?.terminate();
    this.worker = null;
    for (const { reject } of this.waiting.values()) reject(new Error("the browser can't run its worker"));
    this.waiting.clear();
  }

  private running(): Worker {
    if (this.worker) return this.worker;
    this.worker = this.make();
    this.worker.onmessage = ({ data }: MessageEvent<Answered<Answer>>) => this.settle(data);
    this.worker.onerror = () => this.stop();
    return this.worker;
  }

  private settle(answered: Answered<Answer>): void {
    const waiting = this.waiting.get(answered.id);
    this.waiting.delete(answered.id);
    if ("answer" in answered) waiting?.resolve(answered.answer);
    else waiting?.reject(new Error(answered.failure));
  }
}

// In the worker: answers one question after the other. `find` returns the answer and what goes over with it.
export function answerCalls<Question, Answer>(
  find: (question: Question) => Promise<[Answer, Transferable[]]>,
): void {
  let turn = Promise.resolve();
  const answer = async (id: number, question: Question) => {
    try {
      const [found, transfer] = await find(question);
      postMessage({ id, answer: found } satisfies Answered<Answer>, { transfer });
    } catch (error) {
      postMessage({ id, failure: (error as Error).message } satisfies Answered<Answer>);
    }
  };
  addEventListener("message", ({ data }: MessageEvent<{ id: number; question: Question }>) => {
    turn = turn.then(() => answer(data.id, data.question));
  });
}
