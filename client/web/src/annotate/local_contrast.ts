// Copies of pictures with equalised contrast, shown in the place of the pictures. A worker makes them, one
// after the other: first that of the picture on the screen, then those of the next ones.

import { signal } from "@preact/signals";
import type { Answer, Question } from "./local_contrast_worker";

const MOST_AHEAD = 2; // copies; one takes four bytes per pixel

export interface Copy {
  readonly canvas: HTMLCanvasElement;
  // Gives the memory back. The canvas is blank from then on.
  readonly free: () => void;
}

export interface CopyMaker {
  // One at a time. Rejects with the reason why there is no copy.
  readonly make: (image: HTMLImageElement) => Promise<Copy>;
  readonly stop: () => void;
}

export interface LocalContrastHost {
  // null: the picture itself.
  readonly show: (copy: HTMLCanvasElement | null) => void;
  readonly tell: (text: string) => void;
  // Pictures that come next, in their order.
  readonly ahead: () => Promise<readonly HTMLImageElement[]>;
}

export class LocalContrast {
  private readonly on = signal(false);
  private current: HTMLImageElement | null = null;
  private ahead: readonly HTMLImageElement[] = [];
  private readonly copies = new Map<HTMLImageElement, Copy>();
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
  open(image: HTMLImageElement | null): void {
    this.current = image;
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

  private copyOf(image: HTMLImageElement): HTMLCanvasElement | null {
    return this.copies.get(image)?.canvas ?? null;
  }

  private freeUnwanted(): void {
    for (const [image, copy] of this.copies) {
      if (this.isWanted(image)) continue;
      this.copies.delete(image);
      copy.free();
    }
  }

  private isWanted(image: HTMLImageElement): boolean {
    return this.on.value && (image === this.current || this.ahead.includes(image));
  }

  private async makeNext(): Promise<void> {
    if (this.isMaking) return;
    const image = [this.current, ...this.ahead].find(
      (each) => each !== null && this.isWanted(each) && !this.copies.has(each),
    );
    if (!image) return;
    this.isMaking = true;
    try {
      this.copies.set(image, await this.maker.make(image));
    } catch (error) {
      this.giveUp(image, (error as Error).message);
    }
    this.isMaking = false;
    this.update();
  }

  // What was to come next is tried again when it is on the screen.
  private giveUp(image: HTMLImageElement, reason: string): void {
    this.ahead = this.ahead.filter((each) => each !== image);
    if (image !== this.current || !this.on.value) return;
    this.on.value = false;
    this.host.tell(`Local contrast is off, the picture is shown as it is: ${reason}.`);
  }
}

// The worker is made at first use, and made anew after it has failed.
class WorkerMaker implements CopyMaker {
  private worker: Worker | null = null;

  async make(image: HTMLImageElement): Promise<Copy> {
    const answer = await this.ask({ address: image.src });
    if ("reason" in answer) throw new Error(answer.reason);
    return copyOf(answer.bitmap);
  }

  stop(): void {
    this.worker?.terminate();
    this.worker = null;
  }

  private ask(question: Question): Promise<Answer> {
    this.worker ??= new Worker(new URL("./local_contrast_worker.ts", import.meta.url), { type: "module" });
    const worker = this.worker;
    return new Promise((resolve, reject) => {
      worker.onmessage = ({ data }: MessageEvent<Answer>) => resolve(data);
      worker.onerror = () => {
        this.stop();
        reject(new Error("the browser can't run its worker"));
      };
      worker.postMessage(question);
    });
  }
}

function copyOf(bitmap: ImageBitmap): Copy {
  const canvas = document.createElement("canvas");
  canvas.width = bitmap.width;
  canvas.height = bitmap.height;
  canvas.getContext("bitmaprenderer")!.transferFromImageBitmap(bitmap);
  // Without an area it holds no memory. `transferFromImageBitmap(null)` would take as much again, for a
  // blank.
  const free = () => {
    canvas.width = 0;
    canvas.height = 0;
  };
  return { canvas, free };
}
