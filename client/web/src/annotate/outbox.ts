// Sends what a person has answered, once, whatever happens meanwhile: entries stay in the journal until the
// coordinator has acknowledged them, and a request that is sent again has its first id.

import { signal } from "@preact/signals";
import { ApiError, NetworkError, call } from "../api";
import { guarded } from "../session";
import type { Draft, Entry, Journal } from "./journal";
import { locked } from "./locks";

const SHORTEST_WAIT = 500; // milliseconds between tries, doubled up to the longest
const LONGEST_WAIT = 15_000;

export class Outbox {
  readonly waiting = signal(0);
  readonly refused = signal<readonly Entry[]>([]);
  // Why entries wait; empty: they are being sent.
  readonly obstacle = signal("");
  // How many were acknowledged.
  readonly sent = signal(0);
  // Files whose answers were kept beside the truth, which had changed since their tasks were served.
  readonly beside = signal<readonly string[]>([]);
  private wait = SHORTEST_WAIT;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private running: Promise<void> | null = null;
  private isStale = false; // entries came while the loop ran
  private isStopped = false;

  constructor(
    private readonly journal: Journal,
    private readonly owner: string,
  ) {}

  // Sends what an earlier tab has left. Returns the way to stop.
  start(): () => void {
    this.isStopped = false;
    const kick = () => this.kick();
    addEventListener("online", kick);
    document.addEventListener("visibilitychange", kick);
    kick();
    return () => {
      removeEventListener("online", kick);
      document.removeEventListener("visibilitychange", kick);
      clearTimeout(this.timer);
      this.isStopped = true;
    };
  }

  // Returns when the entry is on the disk. The next kick sends it.
  async post(entry: Entry, kept?: Draft): Promise<void> {
    this.waiting.value += 1;
    await this.journal.post(entry, kept);
  }

  // Tries now. Returns when nothing more can be sent for the time being.
  kick(): Promise<void> {
    clearTimeout(this.timer);
    if (this.isStopped) return Promise.resolve();
    this.isStale = true;
    this.running ??= this.run().finally(() => {
      this.running = null;
      if (this.isStale) void this.kick();
    });
    return this.running;
  }

  async retry(entry: Entry): Promise<void> {
    await this.journal.putEntry({ ...entry, refusal: "" });
    await this.kick();
  }

  async discard(entry: Entry): Promise<void> {
    await this.journal.removeEntry(entry);
    await this.kick();
  }

  async takeBack(entry: Entry): Promise<void> {
    await this.journal.takeBack(entry);
    await this.kick();
  }

  private async run(): Promise<void> {
    while (this.isStale) {
      this.isStale = false;
      // One tab sends at a time: the same request twice would do no harm, but wait for itself.
      await locked("loupe-outbox", () => this.sendAll());
    }
  }

  private async sendAll(): Promise<void> {
    const entries = await this.journal.entries(this.owner);
    this.refused.value = entries.filter((entry) => entry.refusal !== "");
    const waiting = entries.filter((entry) => entry.refusal === "");
    this.waiting.value = waiting.length;
    for (const entry of waiting) {
      if (!(await this.sendOne(entry))) return;
      this.waiting.value -= 1;
    }
    this.obstacle.value = "";
    this.wait = SHORTEST_WAIT;
  }

  // false: neither it nor those after it can be sent now.
  private async sendOne(entry: Entry): Promise<boolean> {
    try {
      if (entry.method === "skip") {
        await guarded(call("LabelingService", "skip", entry.request));
      } else {
        const { standing } = await guarded(call("LabelingService", "submit", entry.request));
        if (standing === "STANDING_LATE") this.beside.value = [...this.beside.value, entry.draft.task.fileName];
      }
      await this.journal.removeEntry(entry);
      this.sent.value += 1;
      return true;
    } catch (error) {
      const { message } = error as Error;
      if (isPassing(error)) {
        this.obstacle.value = message;
        this.timer = setTimeout(() => this.kick(), this.wait);
        this.wait = Math.min(this.wait * 2, LONGEST_WAIT);
        return false;
      }
      const refusal = { ...entry, refusal: message };
      await this.journal.putEntry(refusal);
      this.refused.value = [...this.refused.value, refusal];
      return true;
    }
  }
}

// Whether the same request may succeed later: after a log-in, or when the coordinator is back.
export function isPassing(error: unknown): boolean {
  if (error instanceof NetworkError) return true;
  if (!(error instanceof ApiError)) return false;
  const { httpStatus } = error;
  return httpStatus === 401 || httpStatus === 429 || httpStatus === 499 || httpStatus >= 500;
}
