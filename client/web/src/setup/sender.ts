// Sends files to the coordinator, where they wait to be imported. What has come already, before a reload or a
// broken connection, is not sent again.

import type { UploadStateJson } from "../../gen/loupe/v1/upload_pb";
import { ApiError, call, isPassing } from "../api";
import type { Chosen } from "./chosen_files";
import { Pace } from "./pace";
import { PART_BYTES, sendPart } from "./upload_part";

const BATCH = 200; // files whose hashes are looked up together
const AT_A_TIME = 4; // a browser has six connections to a server
const LONGEST_PAUSE = 20_000; // milliseconds, after failures in a row
const MOST_RETURNS = 5; // of one file, whose parts went away meanwhile

export interface Progress {
  readonly files: number; // that are there
  readonly sentBytes: number; // that are there, those that had come before too
  readonly knownFiles: number; // that had come before
  readonly rate: number | null; // bytes per second
  readonly timeLeft: number | null; // milliseconds
  readonly trouble: string; // why it waits; empty: it doesn't
}

export interface Sent extends Chosen {
  readonly sha256: Uint8Array;
}

export class Cancelled extends Error {}

export function base64(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes));
}

async function hashOf(file: Blob): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", await file.arrayBuffer()));
}

// Runs `work` on each item, so many at a time. When one fails, no further one begins, and its error is thrown.
export async function eachOf<T>(items: readonly T[], atATime: number, work: (item: T) => Promise<void>) {
  let next = 0;
  let hasFailed = false;
  async function run() {
    while (next < items.length && !hasFailed) {
      try {
        await work(items[next++]!);
      } catch (error) {
        hasFailed = true;
        throw error;
      }
    }
  }
  await Promise.all(Array.from({ length: Math.min(atATime, items.length) }, run));
}

export class Sender {
  private readonly pace = new Pace();
  private readonly begun = performance.now();
  private files = 0;
  private knownFiles = 0;
  private bytes = 0; // that need not be sent any more
  private sent = 0;
  private trouble = "";
  private readonly total: number;

  constructor(
    private readonly project: string,
    private readonly chosen: readonly Chosen[],
    private readonly signal: AbortSignal,
    private readonly tell: (progress: Progress) => void,
  ) {
    this.total = chosen.reduce((sum, { file }) => sum + file.size, 0);
  }

  // Returns the files with their hashes, when all have come. Throws ApiError, Cancelled, and an error that
  // names a file that can't be read.
  async run(): Promise<Sent[]> {
    const all: Sent[] = [];
    let hashing = this.hash(0);
    for (let begin = 0; begin < this.chosen.length; begin += BATCH) {
      const batch = await hashing;
      hashing = this.hash(begin + BATCH); // while these are sent
      hashing.catch(() => undefined); // thrown where it is waited for
      await this.sendBatch(batch);
      all.push(...batch);
    }
    return all;
  }

  private async hash(begin: number): Promise<Sent[]> {
    const batch = this.chosen.slice(begin, begin + BATCH);
    const hashes = new Map<Chosen, Uint8Array>();
    await eachOf(batch, AT_A_TIME, async (one) => {
      if (this.signal.aborted) throw new Cancelled();
      hashes.set(one, await hashOf(one.file).catch(() => Promise.reject(cantRead(one))));
    });
    return batch.map((one) => ({ ...one, sha256: hashes.get(one)! }));
  }

  private async sendBatch(batch: readonly Sent[]): Promise<void> {
    const sha256 = batch.map((one) => base64(one.sha256));
    const files = await this.find(sha256);
    const left: { one: Sent; received: number }[] = [];
    const seen = new Set<string>();
    for (const [i, one] of batch.entries()) {
      const isRepeated = seen.has(sha256[i]!);
      seen.add(sha256[i]!);
      if (files[i]?.isComplete || isRepeated) {
        this.knownFiles += 1;
        this.done(one.file.size);
      } else {
        left.push({ one, received: Number(files[i]?.receivedBytes ?? 0) });
      }
    }
    await eachOf(left, AT_A_TIME, ({ one, received }) => this.send(one, received));
  }

  private async find(sha256: string[]): Promise<readonly UploadStateJson[]> {
    const request = { project: this.project, sha256 };
    const { files = [] } = await this.again(() => call("UploadService", "findUploads", request));
    return files;
  }

  private async send(one: Sent, received: number): Promise<void> {
    const { size } = one.file;
    // Where all parts came and were not put together, the last one does that.
    const last = Math.max(0, Math.ceil(size / PART_BYTES) - 1) * PART_BYTES;
    let offset = Math.min(received, last);
    this.bytes += offset;
    let returns = 0;
    do {
      const part = Math.min(PART_BYTES, size - offset);
      try {
        await this.again(() => sendPart(one.sha256, one.file, offset, this.signal), one);
      } catch (error) {
        const isMissing = error instanceof ApiError && error.reason === "PART_MISSING";
        if (!isMissing || ++returns > MOST_RETURNS) throw error;
        const [found] = await this.find([base64(one.sha256)]);
        const from = found?.isComplete ? last : Math.min(Number(found?.receivedBytes ?? 0), last);
        this.bytes += from - offset;
        offset = from;
        continue;
      }
      offset += part;
      this.bytes += part;
      this.sent += part;
      this.report();
    } while (offset < size);
    this.files += 1;
    this.report();
  }

  private done(bytes: number): void {
    this.files += 1;
    this.bytes += bytes;
    this.report();
  }

  // Tries again as long as the coordinator can't be reached or has too much to do. `one`: what is sent; its
  // refusal names it.
  private async again<T>(work: () => Promise<T>, one?: Sent): Promise<T> {
    for (let pause = 500; ; pause = Math.min(2 * pause, LONGEST_PAUSE)) {
      if (this.signal.aborted) throw new Cancelled();
      try {
        const result = await work();
        this.trouble = "";
        return result;
      } catch (error) {
        if (this.signal.aborted) throw new Cancelled();
        if (error instanceof ApiError && error.reason === "WRONG_HASH" && one) throw cantRead(one);
        if (!isPassing(error) || isFull(error)) throw one ? ofFile(one, error) : error;
        if (one && !(await isReadable(one.file))) throw cantRead(one);
        this.trouble = `${(error as Error).message} It goes on by itself.`;
        this.report();
        await wait(pause, this.signal);
      }
    }
  }

  private report(): void {
    this.pace.note(performance.now() - this.begun, this.sent);
    this.tell({
      files: this.files,
      sentBytes: this.bytes,
      knownFiles: this.knownFiles,
      rate: this.pace.rate,
      timeLeft: this.pace.timeFor(this.total - this.bytes),
      trouble: this.trouble,
    });
  }
}

// No room for uploads: it doesn't pass by itself.
function isFull(error: unknown): boolean {
  if (!(error instanceof ApiError)) return false;
  return error.code === "resource_exhausted" && error.reason !== "TOO_MANY_CALLS";
}

function ofFile({ path }: Chosen, error: unknown): unknown {
  const isOfFile = error instanceof ApiError && error.httpStatus === 400;
  return isOfFile ? new ApiError(400, error.reason, `${path}: ${error.message}`, error.code) : error;
}

function cantRead({ path }: Chosen): Error {
  return new Error(`${path} can't be read, or was changed meanwhile: choose the files again.`);
}

async function isReadable(file: Blob): Promise<boolean> {
  return file
    .slice(0, 1)
    .arrayBuffer()
    .then(
      () => true,
      () => false,
    );
}

function wait(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((done) => {
    const timer = setTimeout(done, milliseconds);
    signal.addEventListener("abort", () => (clearTimeout(timer), done()), { once: true });
  });
}
