// The next tasks: leased ahead of time, their pictures fetched and decoded, leases renewed while the page is
// open, and given back when it is left.

import type { TaskJson } from "../../gen/loupe/v1/labeling_pb";
import type { ProjectJson } from "../../gen/loupe/v1/project_pb";
import { call } from "../api";
import { guarded } from "../session";
import type { Draft, Journal } from "./journal";
import { tryLock } from "./locks";
import { loadPicture } from "./picture";
import type { Picture } from "./picture";
import { newRequestId } from "./request_id";
import { Stopwatch } from "./stopwatch";
import { pictureAddress, taskOf } from "./task";
import type { Task } from "./task";
import { isUntouched, restore, startWork } from "./work";
import type { Work } from "./work";

const AHEAD = 2; // tasks

// A task with what a person has made of it.
export interface Opened {
  readonly task: Task;
  picture: Picture;
  work: Work;
  readonly watch: Stopwatch;
  // Other tabs of this browser may take the task up.
  readonly letGo: () => void;
}

export class Supply {
  private ahead: Opened[] = [];
  private request: { requestId: string; project: string; count: number; skipped: boolean } | null = null;
  private filling: Promise<number> | null = null;
  private takesSkipped = false;
  private isLeft = false;

  constructor(
    private readonly project: () => ProjectJson,
    private readonly owner: string,
    private readonly journal: Journal,
    private readonly threshold: () => number,
  ) {}

  // Takes up what an earlier tab has left undone.
  async start(): Promise<void> {
    const drafts = (await this.journal.drafts(this.owner)).filter(
      (draft) => draft.project === this.project().name && !draft.skipped,
    );
    for (const draft of drafts) {
      const opened = await this.openDraft(draft);
      if (opened) this.ahead.push(opened);
    }
  }

  // The next task, or how many skipped images are left when there is none. Throws as `call` does.
  async next(): Promise<Opened | number> {
    if (this.ahead.length === 0) {
      const skippedImages = await this.fill();
      if (this.ahead.length === 0) {
        this.takesSkipped = false;
        return skippedImages;
      }
    }
    const opened = this.ahead.shift()!;
    this.fill().catch(() => {}); // Whoever needs a task tries again, and hears of it.
    return opened;
  }

  // From now on images that the person skipped come, until none is left.
  takeSkipped(): void {
    this.takesSkipped = true;
  }

  // The task comes next.
  putBack(opened: Opened): void {
    this.ahead.unshift(opened);
  }

  // null: another tab has the task.
  async open(json: TaskJson): Promise<Opened | null> {
    const task = taskOf(json);
    const letGo = await tryLock(lockOf(task));
    if (!letGo) return null;
    const work = startWork(task, this.threshold());
    const draft = (await this.journal.drafts(this.owner)).find((each) => isFor(each, task));
    if (!draft) return this.opened(work, new Stopwatch(performance.now()), letGo);
    const watch = new Stopwatch(performance.now(), draft.spent);
    return this.opened(restore(work, draft.boxes, draft.nextId), watch, letGo);
  }

  async openDraft(draft: Draft): Promise<Opened | null> {
    const letGo = await lockAfterReload(lockOf(draft.task));
    if (!letGo) return null;
    const work = restore(startWork(draft.task, this.threshold()), draft.boxes, draft.nextId);
    return this.opened(work, new Stopwatch(performance.now(), draft.spent), letGo);
  }

  loadAgain(opened: Opened): void {
    opened.picture = this.pictureOf(opened.task);
  }

  // Returns when the leases of all tasks in this tab last ten minutes again.
  async renew(current: Opened | null): Promise<void> {
    const all = current ? [current, ...this.ahead] : this.ahead;
    if (all.length === 0) return;
    const answer = await guarded(
      call("LabelingService", "renew", { tasks: leasesOf(all.map((each) => each.task)) }),
    );
    const ended = new Set(answer.endedTaskIds ?? []);
    // Somebody else may have them by now. Work that was begun is kept: it can still be sent.
    const isLost = (each: Opened) => ended.has(each.task.id) && isUntouched(each.work);
    this.ahead.filter(isLost).forEach((each) => each.letGo());
    this.ahead = this.ahead.filter((each) => !isLost(each));
  }

  // Gives back the tasks that nobody has begun. The page may be gone before the answer comes; what isn't
  // given back is served again when its lease ends.
  leave(current: Opened | null): void {
    const all = current ? [current, ...this.ahead] : this.ahead;
    const untouched = all.filter((each) => isUntouched(each.work));
    this.ahead = [];
    this.isLeft = true;
    all.forEach((each) => each.letGo());
    release(untouched.map((each) => each.task));
  }

  private fill(): Promise<number> {
    this.filling ??= this.fillNow().finally(() => (this.filling = null));
    return this.filling;
  }

  // Returns how many skipped images there are, if fewer tasks came than were asked for.
  private async fillNow(): Promise<number> {
    const count = AHEAD - this.ahead.length;
    if (count <= 0) return 0;
    const project = this.project().name ?? "";
    // Without an answer the same request goes again: its tasks are leased already.
    this.request ??= { requestId: newRequestId(), project, count, skipped: this.takesSkipped };
    const answer = await guarded(call("LabelingService", "nextTasks", this.request));
    this.request = null;
    if (this.isLeft) release((answer.tasks ?? []).map(taskOf));
    if (this.isLeft) return 0;
    for (const json of answer.tasks ?? []) {
      const opened = await this.open(json);
      if (opened) this.ahead.push(opened);
    }
    return Number(answer.skippedImages ?? 0);
  }

  private opened(work: Work, watch: Stopwatch, letGo: () => void): Opened {
    return { task: work.task, picture: this.pictureOf(work.task), work, watch, letGo };
  }

  private pictureOf(task: Task): Picture {
    const { low = 0, high = 65535 } = this.project().intensityRange ?? {};
    return loadPicture(pictureAddress(task, { low, high }));
  }
}

function leasesOf(tasks: readonly Task[]): { taskId: string; lease: string }[] {
  return tasks.map(({ id, lease }) => ({ taskId: id, lease }));
}

function release(tasks: readonly Task[]): void {
  if (tasks.length === 0) return;
  const request = { requestId: newRequestId(), tasks: leasesOf(tasks) };
  call("LabelingService", "release", request, { keepalive: true }).catch(() => {});
}

function lockOf(task: Task): string {
  return `loupe-task-${task.id}`;
}

// After a reload the tab's own locks may last a moment longer than its page.
async function lockAfterReload(name: string): Promise<(() => void) | null> {
  for (let attempt = 0; attempt < 5; ++attempt) {
    const letGo = await tryLock(name);
    if (letGo) return letGo;
    await new Promise((resolve) => setTimeout(resolve, 60));
  }
  return null;
}

// Whether the draft's boxes mean the same on this task: it may be another one for the same image.
function isFor(draft: Draft, task: Task): boolean {
  const shown = ({ predictions, truth, blind }: Task) => JSON.stringify([predictions, truth, blind]);
  return draft.task.imageId === task.imageId && shown(draft.task) === shown(task);
}
