// A person at work on a project: the task in hand, the next ones, and what goes to the coordinator.

import { batch, effect, signal } from "@preact/signals";
import type { ClassJson } from "../../gen/loupe/v1/annotation_pb";
import type { ProjectJson, ProjectStatusJson } from "../../gen/loupe/v1/project_pb";
import { call } from "../api";
import { clientName } from "../client_name";
import { annotateAddress } from "../route";
import { guarded } from "../session";
import { isSameScene, likeness } from "./alike";
import type { Sketch } from "./alike";
import { sameSize } from "./corners";
import type { Size } from "./corners";
import type { Draft, Entry, Journal } from "./journal";
import { keepTexts, readTexts } from "./kept_texts";
import { isPassing } from "./outbox";
import type { Outbox } from "./outbox";
import { painted } from "./painted";
import type { Picture } from "./picture";
import { nextLeft } from "./pick";
import { newRequestId } from "./request_id";
import { submissionOf } from "./submission";
import { Supply, act } from "./supply";
import type { Opened } from "./supply";
import { isUntouched, selectedBoxes, soleBox } from "./work";
import type { Action, CopiedBox, Remarks, Work } from "./work";

const RENEW_EVERY = 4 * 60_000; // milliseconds; a lease lasts ten minutes
const RETRY_AFTER = 2_000;
const COUNT_AFTER = 1_000; // so that a quick hand doesn't ask after each answer
export const LOWEST_SCORE = 0.3; // of predicted boxes that tasks show

// Also after a reload.
const thisTab = () => sessionStorage;

export type Place =
  | { name: "opening" }
  | { name: "task" }
  | { name: "broken"; message: string } // the picture of the task in hand can't be shown
  | { name: "closed"; message: string } // the image that was asked for can't be opened
  | { name: "empty"; skippedImages: number }
  | { name: "stuck"; message: string };

export class Desk {
  readonly place = signal<Place>({ name: "opening" });
  readonly opened = signal<Opened | null>(null);
  readonly work = signal<Work | null>(null);
  readonly threshold = signal(LOWEST_SCORE);
  // Class of boxes that are drawn next.
  readonly label = signal(1);
  readonly skipReason = signal("");
  // What the last key led to, where that can't be seen.
  readonly notice = signal("");
  readonly usedFlags = signal<readonly string[]>([]);
  // Arrows go by ten pixels.
  goesFar = false;
  readonly project = signal<ProjectJson>({});
  readonly status = signal<ProjectStatusJson>({});
  // Boxes of the last image, where this one looks almost the same.
  readonly copyable = signal<readonly CopiedBox[]>([]);
  private last: { imageId: string; size: Size; sketch: Sketch; boxes: readonly CopiedBox[] } | null = null;
  // Stays on the screen until the next one is there.
  private finished: Picture | null = null;
  private readonly supply: Supply;
  private readonly answered: string[]; // ids of images, newest last
  private isDirty = false;
  private keeping: Promise<void> | null = null;
  private posting: Promise<void> | null = null;
  private isBusy = false; // the task in hand is about to change
  private beginning: Promise<void> = Promise.resolve();
  // Counts what changes the task in hand: what takes long may find that something else came first.
  private turn = 0;
  private isOver = false;
  private countTimer: ReturnType<typeof setTimeout> | undefined;
  private retryTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly name: string, // of the project
    private readonly owner: string,
    readonly journal: Journal,
    readonly outbox: Outbox,
    private readonly first: string, // id of an image that is opened again to begin with; empty: none
  ) {
    this.supply = new Supply(
      () => this.project.value,
      owner,
      journal,
      () => this.threshold.value,
      async () => {
        await this.posting;
        await this.outbox.kick();
      },
    );
    this.answered = readTexts(thisTab, this.answeredKey);
  }

  // Returns the way to leave. Tasks that nobody has begun are given back.
  start(): () => void {
    const renewing = setInterval(() => this.refresh(), RENEW_EVERY);
    const seen = () => this.seen();
    const leave = () => this.leave();
    // A page that comes back from the browser's cache has given its tasks back.
    const comeBack = (event: PageTransitionEvent) => event.persisted && location.reload();
    document.addEventListener("visibilitychange", seen);
    addEventListener("pagehide", leave);
    addEventListener("pageshow", comeBack);
    const stopCounting = effect(() => this.countSoon(this.outbox.sent.value));
    this.beginning = this.begin();
    return () => {
      leave();
      stopCounting();
      clearInterval(renewing);
      document.removeEventListener("visibilitychange", seen);
      removeEventListener("pagehide", leave);
      removeEventListener("pageshow", comeBack);
    };
  }

  dispatch(action: Action): void {
    const before = this.work.value;
    const opened = this.opened.value;
    if (!before || !opened) return;
    this.touch();
    if (!act(opened, action)) return;
    this.work.value = opened.work;
    this.notice.value = "";
    const { boxes, decided, remarks } = opened.work;
    if (boxes !== before.boxes || decided !== before.decided || remarks !== before.remarks) this.keep();
  }

  // Predicted boxes are judged, and the next one that is left is selected. Where none is selected the first
  // one is, so that nobody judges what they haven't looked at.
  judge(verdict: "accept" | "reject"): void {
    const before = this.work.value;
    if (!before) return;
    const judged = selectedBoxes(before).filter((box) => box.prediction);
    if (judged.length === 0) {
      const first = nextLeft(before, 0);
      this.dispatch({ do: "select", ids: [first] });
      if (first !== 0) this.notice.value = "The least certain box is selected. The same key again judges it.";
      return;
    }
    this.dispatch({ do: verdict, ids: judged.map((box) => box.id) });
    this.dispatch({ do: "select", ids: [nextLeft(this.work.value!, before.selected.at(-1)!)] });
  }

  // Classes that boxes can be given.
  get offered(): readonly ClassJson[] {
    return (this.project.value.classes ?? []).filter((each) => !each.retired);
  }

  // The class of the selected boxes, and of those that are drawn next.
  chooseLabel(label: number): void {
    this.label.value = label;
    keepTexts(thisTab, this.labelKey, [String(label)]);
    this.dispatch({ do: "relabel", ids: this.work.value?.selected ?? [], label });
  }

  copyBoxes(): void {
    const { value: work } = this.work;
    if (!work) return;
    const boxes = this.copyable.value;
    if (boxes.length > 0) return this.dispatch({ do: "copy", boxes });
    this.notice.value = work.task.blind
      ? "Nothing is copied to a blind image."
      : "This image doesn't look like the last one, or that one has no boxes.";
  }

  remark(some: Partial<Remarks>): void {
    const { work } = this;
    if (work.value) this.dispatch({ do: "remark", remarks: { ...work.value.remarks, ...some } });
  }

  flag(flags: readonly string[]): void {
    this.remark({ flags });
    this.usedFlags.value = [...new Set([...this.usedFlags.value, ...flags])];
  }

  // A sign of life: time that passes without any doesn't count as work.
  touch(): void {
    const { value: work } = this.work;
    this.opened.value?.watch.touch(performance.now(), (work && soleBox(work)?.id) ?? 0);
  }

  setThreshold(value: number): void {
    this.threshold.value = value;
    this.dispatch({ do: "threshold", value });
  }

  // The answer is on its way, and the next task comes.
  submit(): void {
    const opened = this.opened.value;
    if (!opened || this.isBusy || this.place.value.name !== "task") return;
    this.touch();
    const { task, work, watch } = opened;
    const spent = watch.spent;
    const { boxes, rejected, hidden, acceptedAtOnce } = submissionOf(work, new Map(spent.boxes));
    const request = {
      requestId: newRequestId(),
      taskId: task.id,
      lease: task.lease,
      imageId: task.imageId,
      boxes,
      rejected,
      hidden,
      acceptedAtOnce,
      ...work.remarks,
      flags: [...work.remarks.flags],
      spentMs: Math.max(spent.total, 1),
      client: `page, ${clientName(navigator.userAgent)}`,
    };
    this.answered.push(task.imageId);
    this.keepAnswered();
    const { imageId, size } = task;
    const confirmed = work.boxes.filter((box) => box.state === "confirmed");
    this.last = { imageId, size, sketch: opened.picture.sketch!, boxes: confirmed };
    this.finish(opened, { ...this.entryOf(opened), method: "submit", request }, undefined);
  }

  // Gives the task up. What was drawn waits in this browser until the image is served again.
  skip(reason: string): void {
    const opened = this.opened.value;
    if (!opened || this.isBusy) return;
    const { task, work } = opened;
    const request = {
      requestId: newRequestId(),
      taskId: task.id,
      lease: task.lease,
      reason: reason.slice(0, 500),
    };
    const kept = isUntouched(work) ? undefined : { ...this.draftOf(opened), skipped: true };
    this.skipReason.value = "";
    this.finish(opened, { ...this.entryOf(opened), method: "skip", request }, kept);
    const name = task.fileName.split("/").at(-1);
    this.notice.value = `${name} is skipped until no others are left.`;
  }

  // Opens the person's last answer again, and then the one before. The task in hand comes after it.
  async reopenLast(): Promise<void> {
    if (this.isBusy) return;
    await this.busily(async () => {
      await this.posting;
      await this.outbox.kick();
      if (this.outbox.waiting.value > 0) {
        throw new Error("Your last answer waits to be sent. It can be opened again after that.");
      }
      const imageId = this.answered.at(-1) ?? (await this.lastOfEarlier());
      const opened = await this.reopened(imageId);
      this.answered.pop();
      this.keepAnswered();
      await this.exchange(opened);
    });
  }

  // Of what the person did before this tab was opened.
  private async lastOfEarlier(): Promise<string> {
    const request = { project: this.name, pageSize: 1 };
    const { answers = [] } = await guarded(call("LabelingService", "listAnswers", request));
    const id = answers[0]?.image?.id;
    if (id === undefined) throw new Error("You have answered nothing here that could be opened again.");
    return id;
  }

  private async reopened(imageId: string): Promise<Opened> {
    const request = { requestId: newRequestId(), project: this.name, imageId };
    const opened = await this.supply.open(await guarded(call("LabelingService", "openTask", request)));
    if (!opened) throw new Error("The image is open in another tab.");
    return opened;
  }

  // Takes up an answer that the coordinator has refused.
  async takeBack(entry: Entry): Promise<void> {
    await this.busily(async () => {
      const opened = await this.supply.openDraft(entry.draft);
      if (!opened) throw new Error("The image is open in another tab.");
      await this.outbox.takeBack(entry);
      await this.exchange(opened);
    });
  }

  picturesAhead(): Promise<readonly Picture[]> {
    return this.supply.picturesAhead();
  }

  takeSkipped(): void {
    this.supply.takeSkipped();
    void this.advance();
  }

  // Asks for a task again, or for the picture of the one in hand.
  async retry(): Promise<void> {
    clearTimeout(this.retryTimer);
    const opened = this.opened.value;
    if (!opened) return this.project.value.name ? this.advance() : (this.beginning = this.begin());
    this.supply.loadAgain(opened);
    await this.show(opened);
  }

  // Returns before the first task is there.
  private async begin(): Promise<void> {
    try {
      await this.readStatus();
      const kept = Number(readTexts(thisTab, this.labelKey)[0]);
      this.label.value = (this.offered.find(({ label }) => label === kept) ?? this.offered[0])?.label ?? 1;
      await this.supply.start();
      if (!this.first || (await this.beginWith(this.first))) void this.advance();
    } catch (error) {
      this.stick(error);
    }
  }

  // Returns whether the image could be opened. No other one takes its place unasked.
  private async beginWith(imageId: string): Promise<boolean> {
    try {
      this.supply.putBack(await this.reopened(imageId));
      // A reload goes on with what is next.
      history.replaceState(null, "", annotateAddress(this.name));
      return true;
    } catch (error) {
      this.place.value = { name: "closed", message: (error as Error).message };
      return false;
    }
  }

  private async advance(): Promise<void> {
    const turn = ++this.turn;
    this.place.value = { name: "opening" };
    const here = this.supply.take();
    if (here) return this.show(here);
    try {
      let next = await this.supply.next();
      // What was being asked for already may not know of the last answer.
      if (typeof next === "number") next = await this.supply.next();
      if (this.isOver) return;
      if (turn === this.turn) await this.showOrEnd(next);
      else if (typeof next !== "number") this.supply.putBack(next);
    } catch (error) {
      if (turn === this.turn) this.stick(error);
    }
  }

  // A number: there is no task, but so many skipped images.
  private async showOrEnd(next: Opened | number): Promise<void> {
    if (typeof next === "number") this.place.value = { name: "empty", skippedImages: next };
    else await this.show(next);
  }

  private async show(opened: Opened): Promise<void> {
    this.opened.value = opened;
    act(opened, { do: "threshold", value: this.threshold.value });
    if (opened.picture.levels.length > 0) return this.present(opened);
    this.place.value = { name: "opening" };
    try {
      await this.pictureOf(opened);
    } catch (error) {
      this.work.value = null;
      if (isPassing(error)) return this.stick(error);
      this.place.value = { name: "broken", message: (error as Error).message };
      return;
    }
    if (!this.isOver && this.opened.value === opened) this.present(opened);
  }

  // Requires: the picture is ready.
  private present(opened: Opened): void {
    opened.watch.resume(performance.now());
    batch(() => {
      this.work.value = opened.work;
      this.place.value = { name: "task" };
      this.copyable.value = [];
    });
    this.finished?.free();
    this.finished = null;
    void painted().then(() => this.compare(opened));
  }

  private compare(opened: Opened): void {
    const { last } = this;
    const { imageId, blind, size } = opened.task;
    if (this.opened.value !== opened || !last || last.boxes.length === 0 || last.imageId === imageId) return;
    if (blind || !sameSize(last.size, size)) return;
    if (isSameScene(likeness(last.sketch, opened.picture.sketch!))) this.copyable.value = last.boxes;
  }

  // It may have been fetched ahead while the coordinator was away: then it's worth another try.
  private async pictureOf(opened: Opened): Promise<void> {
    try {
      await opened.picture.ready;
    } catch {
      this.supply.loadAgain(opened);
      await opened.picture.ready;
    }
  }

  private stick(error: unknown): void {
    if (this.isOver) return;
    this.place.value = { name: "stuck", message: (error as Error).message };
    if (isPassing(error)) this.retryTimer = setTimeout(() => void this.retry(), RETRY_AFTER);
  }

  private finish(opened: Opened, entry: Entry, kept: Draft | undefined): void {
    this.isDirty = false;
    this.finished?.free();
    this.finished = opened.picture;
    this.posting = this.post(opened, entry, kept);
    // Together, so that the page is made anew once where the next task is here.
    batch(() => {
      this.opened.value = null;
      this.work.value = null;
      this.notice.value = "";
      void this.advance();
    });
  }

  // The next picture comes first: what is sent and fetched now would delay it.
  private async post(opened: Opened, entry: Entry, kept: Draft | undefined): Promise<void> {
    await this.outbox.post(entry, kept);
    opened.letGo();
    await painted();
    void this.outbox.kick();
  }

  private async exchange(opened: Opened): Promise<void> {
    await this.keeping;
    ++this.turn;
    if (this.opened.value) this.supply.putBack(this.opened.value);
    this.work.value = null;
    await this.show(opened);
  }

  private async busily(run: () => Promise<void>): Promise<void> {
    this.isBusy = true;
    try {
      await this.beginning;
      await run();
    } catch (error) {
      this.notice.value = (error as Error).message;
    }
    this.isBusy = false;
  }

  // Puts the work into the journal. Edits that come meanwhile follow in one write.
  private keep(): void {
    this.isDirty = true;
    this.keeping ??= this.keepAll().finally(() => (this.keeping = null));
  }

  private async keepAll(): Promise<void> {
    while (this.isDirty && this.opened.value) {
      this.isDirty = false;
      const draft = this.draftOf(this.opened.value);
      if (isUntouched(this.opened.value.work)) await this.journal.removeDraft(draft);
      else await this.journal.keepDraft(draft);
    }
  }

  private draftOf({ task, work, actions, watch }: Opened): Draft {
    const { owner, name: project } = this;
    const { boxes, nextId, remarks } = work;
    const kept = { boxes, nextId, remarks, actions };
    return { owner, project, task, ...kept, spent: watch.spent, at: Date.now(), skipped: false };
  }

  private entryOf(opened: Opened) {
    const draft = this.draftOf(opened);
    return { owner: this.owner, project: this.name, at: draft.at, draft, refusal: "" };
  }

  private refresh(): void {
    // What fails is done the next time.
    this.supply.renew(this.opened.value).catch(() => {});
    this.readStatus().catch(() => {});
  }

  // Classes may have been added or renamed meanwhile, too.
  private async readStatus(): Promise<void> {
    const status = await guarded(call("ProjectService", "getStatus", { project: this.name }));
    this.status.value = status;
    this.project.value = status.project ?? this.project.value;
  }

  private countSoon(sent: number): void {
    if (sent === 0 || this.countTimer !== undefined) return;
    this.countTimer = setTimeout(() => {
      this.countTimer = undefined;
      this.readStatus().catch(() => {});
    }, COUNT_AFTER);
  }

  private seen(): void {
    if (document.visibilityState === "hidden") {
      this.touch();
    } else {
      this.opened.value?.watch.resume(performance.now());
      this.refresh();
    }
  }

  private leave(): void {
    if (this.isOver) return;
    this.isOver = true;
    clearTimeout(this.retryTimer);
    clearTimeout(this.countTimer);
    this.supply.leave(this.opened.value);
  }

  private get labelKey(): string {
    return `loupe-class ${this.name}`;
  }

  private get answeredKey(): string {
    return `loupe-answered ${this.owner} ${this.name}`;
  }

  private keepAnswered(): void {
    keepTexts(thisTab, this.answeredKey, this.answered);
  }
}
