// Copies of pictures with equalised contrast, shown in the place of the pictures. A worker makes them, one
// after the other: first that of the picture on the screen, then those of the next ones.

import { signal } from "@preact/signals";
import { canvasesOf, freeLevels } from "./levels";
import type { Levels } from "./levels";
import type { Picture } from "./picture";
import { WorkerCalls } from "./worker_calls";

const MOST_AHEAD = 2; // copies; with its smaller sizes one takes five bytes per pixel

export interface Copy {
  readonly levels: Levels;
  // Gives the memory back. The copy is blank from then on.
  readonly free: () => void;
}

export interface CopyMaker {
  // One at a time. Rejects with the reason why there is no copy.
  readonly make: (picture: Picture) => Promise<Copy>;
  readonly stop: () => void;
}

export interface LocalContrastHost {
  // null: the picture itself.
  readonly show: (copy: Levels | null) => void;
  readonly tell: (text: string) => void;
  // Pictures that come next, in their order.
  readonly ahead: () => Promise<readonly Picture[]>;
}

export class LocalContrast {
  private readonly on = signal(false);
  private current: Picture | null = null;
  private ahead: readonly Picture[] = [];
  private readonly copies = new Map<Picture, Copy>();
  private isMaking = false;

  constructor(
    private readonly host: LocalContrastHost,
    private readonly maker: CopyMaker = new WorkerMaker(),
  ) {}

  get isOn(): boolean {
    return this.on.value;
  }

  turn(isOn: boolean): void {
    this.on.value = isOn;
    this.update();
    void this.lookAhead();
  }

  // The picture is on the screen now; null: none is.
  open(picture: Picture | null): void {
    this.current = picture;
    this.update();
    void this.lookAhead();
  }

  // Nothing is shown or made any more.
  leave(): void {
    this.on.value = false;
    this.current = null;
    this.freeUnwanted();
    this.maker.stop();
  }

  private async lookAhead(): Promise<void> {
    this.ahead = this.on.value ? (await this.host.ahead()).slice(0, MOST_AHEAD) : [];
    this.update();
  }

  private update(): void {
    if (this.current) this.host.show(this.on.value ? this.copyOf(this.current) : null);
    this.freeUnwanted();
    void this.makeNext();
  }

  private copyOf(picture: Picture): Levels | null {
    return this.copies.get(picture)?.levels ?? null;
  }

  private freeUnwanted(): void {
    for (const [picture, copy] of this.copies) {
      if (this.isWanted(picture)) continue;
      this.copies.delete(picture);
      copy.free();
    }
  }

  private isWanted(picture: Picture): boolean {
    return this.on.value && (picture === this.current || this.ahead.includes(picture));
  }

  private async makeNext(): Promise<void> {
    if (this.isMaking) return;
    const picture = [this.current, ...this.ahead].find(
      (each) => each !== null && this.isWanted(each) && !this.copies.has(each),
    );
    if (!picture) return;
    this.isMaking = true;
    try {
      this.copies.set(picture, await this.maker.make(picture));
    } catch (error) {
      this.giveUp(picture, (error as Error).message);
    }
    this.isMaking = false;
    this.update();
  }

  // What was to come next is tried again when it is on the screen.
  private giveUp(picture: Picture, reason: string): void {
    this.ahead = this.ahead.filter((each) => each !== picture);
    if (picture !== this.current || !this.on.value) return;
    this.on.value = false;
    this.host.tell(`Local contrast is off, the picture is shown as it is: ${reason}.`);
  }
}

class WorkerMaker implements CopyMaker {
  private readonly calls = new WorkerCalls<string, ImageBitmap[]>(
    () => new Worker(new URL("./local_contrast_worker.ts", import.meta.url), { type: "module" }),
  );

  async make({ address }: Picture): Promise<Copy> {
    const levels = canvasesOf(await this.calls.ask(address));
    return { levels, free: () => freeLevels(levels) };
  }

  stop(): void {
    this.calls.stop();
  }
}
