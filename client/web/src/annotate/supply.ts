// The next tasks: leased ahead of time, their pictures fetched and decoded, leases renewed while the page is
// open, and given back when it is left.

import type { TaskJson } from "../../gen/loupe/v1/labeling_pb";
import type { ProjectJson } from "../../gen/loupe/v1/project_pb";
import { call } from "../api";
import { guarded } from "../session";
import type { Draft, Journal } from "./journal";
import { keepTexts, readTexts } from "./kept_texts";
import { tryLock } from "./locks";
import { Picture } from "./picture";
import { newRequestId } from "./request_id";
import { Stopwatch } from "./stopwatch";
import { pictureAddress, taskOf } from "./task";
import type { Task } from "./task";
import { isUntouched, logged, reduce, restore, startWork } from "./work";
import type { Action, Work } from "./work";

const AHEAD = 2; // tasks
const RETRY_AFTER = 3_000; // milliseconds
const RELOAD = 1_000; // milliseconds; a tab's own locks may last longer than its page
const browser = () => localStorage;

// A task with what a person has made of it.
export interface Opened {
  readonly task: Task;
  picture: Picture;
  work: Work;
  actions: readonly Action[]; // that led to the work
  readonly watch: Stopwatch;
  // Other tabs of this browser may take the task up.
  readonly letGo: () => void;
}

// Returns whether the action changed something.
export function act(opened: Opened, action: Action): boolean {
  const before = opened.work;
  opened.work = reduce(before, action);
  if (opened.work === before) return false;
  opened.actions = logged(opened.actions, action);
  return true;
}

export class Supply {
  private ahead: Opened[] = [];
  private request: { requestId: string; project: string; count: number; skipped: boolean } | null = null;
  private filling: Promise<number> | null = null;
  private takesSkipped = false;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private isLeft = false;

  constructor(
    private readonly project: () => ProjectJson,
    private readonly owner: string,
    private readonly journal: Journal,
    private readonly threshold: () => number,
    // Returns when the coordinator has heard of all answers that can be sent.
    private readonly sent: () => Promise<void>,
  ) {}

  // Takes up what an earlier tab has left undone.
  async start(): Promise<void> {
    const drafts = (await this.journal.drafts(this.owner)).filter(
      (draft) => draft.project === this.project().name && !draft.skipped,
    );
    const opened = await Promise.all(drafts.map((draft) => this.openDraft(draft)));
    this.ahead.push(...opened.flatMap((each) => each ?? []));
    await this.takeUpHeld();
  }

  // A tab that was killed has given nothing back.
  private async takeUpHeld(): Promise<void> {
    const held = readTexts(browser, this.heldKey);
    if (held.length === 0) return;
    const { tasks = [] } = await guarded(
      call("LabelingService", "listOpenTasks", { project: this.project().name }),
    );
    const here = new Set(this.ahead.map((each) => each.task.id));
    for (const json of tasks) {
      const id = json.taskId ?? "";
      if (!held.includes(id) || here.has(id)) continue;
      const opened = await this.open(json); // null: another tab works on it
      if (opened) this.ahead.push(opened);
    }
  }

  private get heldKey(): string {
    return `loupe-held ${this.owner}`;
  }

  // Which tasks tabs of this browser hold.
  private keepHeld(id: string, isHeld: boolean): void {
    const others = readTexts(browser, this.heldKey).filter((each) => each !== id);
    keepTexts(browser, this.heldKey, isHeld ? [...others, id] : others);
  }

  // The next task, or how many skipped images are left when there is none. Throws as `call` does.
  async next(): Promise<Opened | number> {
    const here = this.take();
    if (here) return here;
    const skippedImages = await this.fill();
    const opened = this.take();
    if (opened) return opened;
    this.takesSkipped = false;
    return skippedImages;
  }

  // The next task if it is here already.
  take(): Opened | undefined {
    const opened = this.ahead.shift();
    if (opened) this.fillAhead();
    return opened;
  }

  // Those that come next, in their order, also of tasks that are being asked for.
  async picturesAhead(): Promise<readonly Picture[]> {
    await this.filling?.catch(() => {}); // Whoever needs a task hears of it.
    return this.ahead.map((each) => each.picture);
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
    const letGo = await tryLock(lockOf(task), 0);
    if (!letGo) return null;
    const draft = (await this.journal.drafts(this.owner)).find((each) => isFor(each, task));
    return this.opened(task, draft, letGo);
  }

  async openDraft(draft: Draft): Promise<Opened | null> {
    const letGo = await tryLock(lockOf(draft.task), RELOAD);
    return letGo && this.opened(draft.task, draft, letGo);
  }

  loadAgain(opened: Opened): void {
    opened.picture.free();
    opened.picture = this.pictureOf(opened.task, true);
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
    this.ahead.filter(isLost).forEach(drop);
    this.ahead = this.ahead.filter((each) => !isLost(each));
  }

  // Gives back the tasks that nobody has begun. The page may be gone before the answer comes; what isn't
  // given back is served again when its lease ends.
  leave(current: Opened | null): void {
    const all = current ? [current, ...this.ahead] : this.ahead;
    const untouched = all.filter((each) => isUntouched(each.work));
    this.ahead = [];
    this.isLeft = true;
    clearTimeout(this.timer);
    all.forEach(drop);
    release(untouched.map((each) => each.task));
  }

  // Twice: what is being asked for already was counted when one task more was ahead.
  private fillAhead(): void {
    clearTimeout(this.timer);
    const again = () => {
      if (!this.isLeft) this.timer = setTimeout(() => this.fillAhead(), RETRY_AFTER);
    };
    this.fill()
      .then(() => this.fill())
      .catch(again);
  }

  private fill(): Promise<number> {
    this.filling ??= this.fillNow().finally(() => (this.filling = null));
    return this.filling;
  }

  // Returns how many skipped images there are, if fewer tasks came than were asked for.
  private async fillNow(): Promise<number> {
    if (this.ahead.length >= AHEAD) return 0;
    await this.sent(); // So that what was just answered isn't served again.
    const count = AHEAD - this.ahead.length;
    const project = this.project().name ?? "";
    // Without an answer the same request goes again: its tasks are leased already.
    this.request ??= { requestId: newRequestId(), project, count, skipped: this.takesSkipped };
    const { tasks = [], skippedImages = 0 } = await guarded(call("LabelingService", "nextTasks", this.request));
    this.request = null;
    if (this.isLeft) {
      release(tasks.map(taskOf));
      return 0;
    }
    for (const json of tasks) {
      const opened = await this.open(json);
      if (opened) this.ahead.push(opened);
    }
    if (this.isLeft) {
      this.leave(null); // It was left meanwhile.
      return 0;
    }
    if (this.giveBackOutdated()) return this.fillNow();
    return Number(skippedImages);
  }

  // A newer ranking knows better what to look at than the tasks that an older one served, unless they have
  // been begun. Returns whether there were any.
  private giveBackOutdated(): boolean {
    const newest = Math.max(...this.ahead.map(({ task }) => task.generation ?? 0));
    const isOutdated = ({ task: { generation }, work }: Opened) =>
      generation !== null && generation < newest && isUntouched(work);
    const outdated = this.ahead.filter(isOutdated);
    this.ahead = this.ahead.filter((each) => !isOutdated(each));
    outdated.forEach(drop);
    release(outdated.map((each) => each.task));
    return outdated.length > 0;
  }

  private opened(task: Task, draft: Draft | undefined, letGo: () => void): Opened {
    const start = startWork(task, this.threshold());
    const work = draft ? restore(start, draft) : start;
    const watch = new Stopwatch(performance.now(), draft?.spent);
    // Which boxes an action means depends on the threshold.
    const actions = draft?.actions ?? [{ do: "threshold", value: start.threshold } as const];
    this.keepHeld(task.id, true);
    const picture = this.pictureOf(task, false);
    return { task, picture, work, actions, watch, letGo: () => this.letGo(task, letGo) };
  }

  private letGo(task: Task, unlock: () => void): void {
    this.keepHeld(task.id, false);
    unlock();
  }

  private pictureOf(task: Task, isAgain: boolean): Picture {
    const { low = 0, high = 65535 } = this.project().intensityRange ?? {};
    return new Picture(pictureAddress(task, { low, high }), isAgain);
  }
}

function drop({ letGo, picture }: Opened): void {
  letGo();
  picture.free();
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

// Whether the draft's boxes mean the same on this task: it may be another one for the same image.
function isFor(draft: Draft, task: Task): boolean {
  const shown = ({ predictions, truth, blind }: Task) => JSON.stringify([predictions, truth, blind]);
  return draft.task.imageId === task.imageId && shown(draft.task) === shown(task);
}
