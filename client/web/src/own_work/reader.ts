// What the page of a person's work shows, as the coordinator tells it.

import { signal } from "@preact/signals";
import type {
  AnswerJson,
  ListAnswersResponseJson,
  OwnWorkJson,
  TaskJson,
} from "../../gen/loupe/v1/labeling_pb";
import type { ProjectStatusJson } from "../../gen/loupe/v1/project_pb";
import type { Outbox } from "../annotate/outbox";
import { call, parted } from "../api";
import { guarded } from "../session";
import { dayStart } from "../words";

const PAGE = 20; // answers
const MOST = 1000; // answers that the coordinator gives at once

export interface Shown {
  readonly readAt: Date;
  readonly work: OwnWorkJson;
  readonly openTasks: readonly TaskJson[];
  readonly status: ProjectStatusJson;
  readonly answers: readonly AnswerJson[]; // the latest first
  readonly nextPageToken: string; // empty: there are no more answers
}

export class Reader {
  readonly shown = signal<Shown | null>(null);
  // Why what is shown isn't newer; empty: it was read.
  readonly error = signal("");
  readonly isReadingMore = signal(false);
  readonly moreError = signal("");
  private reading: Promise<void> | null = null;
  private isStale = false; // something has changed while it was read

  constructor(private readonly project: string) {}

  // Reads, also again whenever an answer was sent or the page comes into view. Returns the way to stop.
  start(outbox: Outbox): () => void {
    const seen = () => document.visibilityState === "visible" && void this.read();
    document.addEventListener("visibilitychange", seen);
    const stop = outbox.sent.subscribe(() => void this.read());
    return () => {
      document.removeEventListener("visibilitychange", seen);
      stop();
    };
  }

  // Returns when everything is as it is now, or `error` says why not.
  read(): Promise<void> {
    this.isStale = true;
    this.reading ??= this.readAll();
    return this.reading;
  }

  retry(): void {
    this.error.value = "";
    void this.read();
  }

  // Adds older answers.
  async more(): Promise<void> {
    if (this.isReadingMore.value) return;
    this.isReadingMore.value = true;
    this.moreError.value = "";
    try {
      await this.addPage();
    } catch (error) {
      this.moreError.value = (error as Error).message;
    }
    this.isReadingMore.value = false;
  }

  private async readAll(): Promise<void> {
    while (this.isStale) {
      await parted();
      this.isStale = false;
      try {
        this.shown.value = await guarded(this.readOnce());
        this.error.value = "";
      } catch (error) {
        this.error.value = (error as Error).message;
      }
    }
    this.reading = null;
  }

  private async readOnce(): Promise<Shown> {
    const { project } = this;
    const now = new Date();
    const shownAnswers = this.shown.value?.answers.length ?? 0;
    const [work, { tasks = [] }, status, page] = await Promise.all([
      call("LabelingService", "getOwnWork", { project, since: dayStart(now).toISOString() }),
      call("LabelingService", "listOpenTasks", { project }),
      call("ProjectService", "getStatus", { project }),
      this.answers(Math.min(Math.max(shownAnswers, PAGE), MOST), ""),
    ]);
    const { answers = [], nextPageToken = "" } = page;
    return { readAt: now, work, openTasks: tasks, status, answers, nextPageToken };
  }

  private async addPage(): Promise<void> {
    const before = this.shown.value;
    if (!before?.nextPageToken) return;
    const { answers = [], nextPageToken = "" } = await guarded(this.answers(PAGE, before.nextPageToken));
    // What was read anew meanwhile goes on elsewhere.
    if (this.shown.value !== before) return this.addPage();
    this.shown.value = { ...before, answers: [...before.answers, ...answers], nextPageToken };
  }

  private answers(pageSize: number, pageToken: string): Promise<ListAnswersResponseJson> {
    return call("LabelingService", "listAnswers", { project: this.project, pageSize, pageToken });
  }
}
