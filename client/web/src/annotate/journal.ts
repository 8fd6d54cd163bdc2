// What this browser keeps until the coordinator has it: drafts of answers, and requests that wait.

import { signal } from "@preact/signals";
import type { SkipRequestJson, SubmitRequestJson } from "../../gen/loupe/v1/labeling_pb";
import { DatabaseShelf, MemoryShelf } from "./shelf";
import type { Change, Shelf, StoreName } from "./shelf";
import type { Spent } from "./stopwatch";
import type { Task } from "./task";
import type { Kept } from "./work";

// A person's work on an image, of which the coordinator knows nothing yet.
export interface Draft extends Kept {
  readonly owner: string; // id of the person's token
  readonly project: string;
  readonly task: Task;
  readonly spent: Spent;
  readonly at: number; // milliseconds since 1970, to order drafts
  // The task was skipped: the boxes wait until the image is served again.
  readonly skipped: boolean;
}

// A request that waits to be sent, or was refused.
export type Entry = {
  readonly owner: string;
  readonly project: string;
  readonly at: number;
  readonly draft: Draft; // the work that it sends
  readonly refusal: string; // empty: it waits
} & (
  | { readonly method: "submit"; readonly request: SubmitRequestJson & { requestId: string } }
  | { readonly method: "skip"; readonly request: SkipRequestJson & { requestId: string } }
);

const SLOW = 300; // milliseconds

export class Journal {
  // Why nothing survives a closed tab; empty: the journal is on the disk.
  readonly warning = signal("");
  // Writes that take so long that people should know.
  readonly slow = signal(0);
  private shelf: Promise<Shelf>;

  constructor() {
    this.shelf = DatabaseShelf.open().catch((error: unknown) => this.toMemory(error));
  }

  async drafts(owner: string): Promise<Draft[]> {
    const drafts = (await this.all("drafts")) as Draft[];
    return drafts.filter((each) => each.owner === owner).sort((a, b) => b.at - a.at);
  }

  // In the order in which they were made.
  async entries(owner: string): Promise<Entry[]> {
    const entries = (await this.all("outbox")) as Entry[];
    return entries.filter((each) => each.owner === owner).sort((a, b) => a.at - b.at);
  }

  keepDraft(draft: Draft): Promise<void> {
    return this.write([{ store: "drafts", key: keyOf(draft), value: draft }]);
  }

  removeDraft(draft: Draft): Promise<void> {
    return this.write([{ store: "drafts", key: keyOf(draft), value: undefined }]);
  }

  // What was a draft is on its way now. `kept`: the draft that stays.
  post(entry: Entry, kept: Draft | undefined): Promise<void> {
    return this.write([
      { store: "outbox", key: entry.request.requestId, value: entry },
      { store: "drafts", key: keyOf(entry.draft), value: kept },
    ]);
  }

  putEntry(entry: Entry): Promise<void> {
    return this.write([{ store: "outbox", key: entry.request.requestId, value: entry }]);
  }

  removeEntry(entry: Entry): Promise<void> {
    return this.write([{ store: "outbox", key: entry.request.requestId, value: undefined }]);
  }

  // The work of a request that was refused becomes a draft again.
  takeBack(entry: Entry): Promise<void> {
    return this.write([
      { store: "outbox", key: entry.request.requestId, value: undefined },
      { store: "drafts", key: keyOf(entry.draft), value: entry.draft },
    ]);
  }

  private async all(store: StoreName): Promise<unknown[]> {
    const shelf = await this.shelf;
    return shelf.all(store).catch(async (error: unknown) => {
      this.shelf = this.toMemory(error, shelf);
      return (await this.shelf).all(store);
    });
  }

  private async write(changes: readonly Change[]): Promise<void> {
    let isSlow = false;
    const timer = setTimeout(() => {
      isSlow = true;
      this.slow.value += 1;
    }, SLOW);
    try {
      const shelf = await this.shelf;
      await shelf.write(changes).catch(async (error: unknown) => {
        this.shelf = this.toMemory(error, shelf);
        await (await this.shelf).write(changes);
      });
    } finally {
      clearTimeout(timer);
      if (isSlow) this.slow.value -= 1;
    }
  }

  // Work goes on, with what can still be read.
  private async toMemory(error: unknown, from?: Shelf): Promise<Shelf> {
    const why = (error as Error | null)?.name ?? "unknown reason";
    this.warning.value =
      `This browser keeps nothing (${why}): ` + "don't close the tab while something waits to be sent.";
    const memory = new MemoryShelf();
    for (const store of ["drafts", "outbox"] as const) {
      const values = (await from?.all(store).catch(() => [])) ?? [];
      const keyed = values.map((value) => ({ store, key: storedKey(store, value), value }));
      await memory.write(keyed);
    }
    return memory;
  }
}

function keyOf(draft: Draft): string {
  return `${draft.owner} ${draft.task.imageId}`;
}

function storedKey(store: StoreName, value: unknown): string {
  return store === "drafts" ? keyOf(value as Draft) : (value as Entry).request.requestId;
}
