// An import on its way: first what the COCO file says, then the files, then the import itself.

import { signal } from "@preact/signals";
import type { ImportResponseJson } from "../../gen/loupe/v1/image_pb";
import type {
  ImportPlanJson,
  ImportUploadsRequestJson,
  ImportUploadsResponseJson,
} from "../../gen/loupe/v1/upload_pb";
import { newRequestId } from "../annotate/request_id";
import { ApiError, call, isPassing, stream } from "../api";
import { guarded } from "../session";
import { isTooLarge, tooLargeLine, type Chosen } from "./chosen_files";
import { addedUp, inRequests } from "./requests";
import { Cancelled, Sender, base64, type Progress, type Sent } from "./sender";

export interface Options {
  readonly coco: Chosen | null;
  readonly labelled: "LABELLED_ALL" | "LABELLED_WITH_BOXES";
  readonly blind: boolean;
  readonly replace: boolean;
  readonly skipBad: boolean;
}

export type State =
  | { name: "ready" }
  | { name: "checking" } // the COCO file
  | { name: "sending"; progress: Progress; files: number; bytes: number }
  | { name: "importing"; checked: number; files: number }
  | { name: "done"; result: ImportResponseJson; unnamed: number }
  | { name: "failed"; problems: readonly string[]; reason: string };

const MOST_TRIES = 5;

const nothing: Progress = { files: 0, sentBytes: 0, knownFiles: 0, rate: null, timeLeft: null, trouble: "" };

export class Importing {
  readonly state = signal<State>({ name: "ready" });
  private end = new AbortController();

  constructor(private readonly project: string) {}

  get isRunning(): boolean {
    return ["checking", "sending", "importing"].includes(this.state.value.name);
  }

  cancel(): void {
    this.end.abort();
  }

  again(): void {
    this.state.value = { name: "ready" };
  }

  async run(pictures: readonly Chosen[], options: Options): Promise<void> {
    if (this.isRunning) return;
    this.end = new AbortController();
    try {
      await guarded(this.import(pictures, options));
    } catch (error) {
      if (error instanceof Cancelled || this.end.signal.aborted) return this.again();
      const problems = (error as Error).message.split("\n");
      this.state.value = { name: "failed", problems, reason: error instanceof ApiError ? error.reason : "" };
    }
  }

  private async import(chosen: readonly Chosen[], options: Options): Promise<void> {
    this.state.value = { name: "checking" };
    const { coco, labelled, blind, replace, skipBad } = options;
    const base: ImportUploadsRequestJson = { project: this.project, blind, replace, skipBad };
    let named = chosen;
    if (coco) {
      if (isTooLarge(coco)) throw new Error(tooLargeLine(coco));
      const [sent] = await new Sender(this.project, [coco], this.end.signal, () => undefined).run();
      Object.assign(base, { cocoSha256: base64(sent!.sha256), labelled });
      const plan = await this.plan({ ...base, pictures: chosen.map(({ path }) => ({ path })) }, coco);
      const leftOut = new Set(plan.leftOut ?? []);
      named = chosen.filter((_, i) => !leftOut.has(i));
    }
    const skipped = named.filter(isTooLarge).map(tooLargeLine);
    if (skipped.length > 0 && coco) {
      const why = "the COCO file names pictures that are too large; take them out of it";
      throw new Error([`nothing was imported: ${why}`, ...skipped].join("\n"));
    }
    if (skipped.length > 0 && !skipBad) throw new Error(["nothing was imported:", ...skipped].join("\n"));
    const wanted = named.filter((one) => !isTooLarge(one));
    const sent = await this.send(wanted);
    const pictures = sent.map(({ path, sha256 }) => ({ path, sha256: base64(sha256) }));
    const requests = inRequests(pictures);
    if (coco && requests.length > 1) {
      throw new Error(
        "With a COCO file at most 20,000 pictures are imported at once: choose fewer, or use `loupe import`.",
      );
    }
    const results: ImportResponseJson[] = [{ skipped, skippedTotal: String(skipped.length) }];
    let begun = 0;
    for (const some of requests) {
      const files = [...(coco ? [coco] : []), ...wanted.slice(begun, begun + some.length)];
      results.push(await this.importSome({ ...base, pictures: some }, files, begun, pictures.length));
      begun += some.length;
    }
    this.state.value = { name: "done", result: addedUp(results), unnamed: chosen.length - named.length };
  }

  private async plan(request: ImportUploadsRequestJson, coco: Chosen): Promise<ImportPlanJson> {
    let plan: ImportPlanJson = {};
    const take = (part: ImportUploadsResponseJson) => void (plan = part.plan ?? plan);
    await this.whole([coco], () => {
      this.state.value = { name: "checking" };
      return stream("UploadService", "importUploads", { ...request, dryRun: true }, take, this.end.signal);
    });
    return plan;
  }

  private async send(wanted: readonly Chosen[]): Promise<Sent[]> {
    const bytes = wanted.reduce((sum, { file }) => sum + file.size, 0);
    const tell = (progress: Progress) =>
      void (this.state.value = { name: "sending", progress, files: wanted.length, bytes });
    tell(nothing);
    return new Sender(this.project, wanted, this.end.signal, tell).run();
  }

  // `before`: how many of all pictures were imported before.
  private async importSome(
    request: ImportUploadsRequestJson,
    files: readonly Chosen[],
    before: number,
    pictures: number,
  ): Promise<ImportResponseJson> {
    const requestId = newRequestId(); // the same one after a broken connection: it is imported once
    const tell = (checked: number) =>
      void (this.state.value = { name: "importing", checked: before + checked, files: pictures });
    let result: ImportResponseJson | null = null;
    const take = (part: ImportUploadsResponseJson) => {
      if (part.result) result = part.result;
      else tell(Number(part.checked ?? 0));
    };
    await this.whole(files, () => {
      tell(0);
      return stream("UploadService", "importUploads", { ...request, requestId }, take, this.end.signal);
    });
    if (!result) throw new Cancelled();
    return result;
  }

  // Asks again when the connection breaks off, and when some of the files went away since they were sent.
  private async whole(files: readonly Chosen[], ask: () => Promise<void>): Promise<void> {
    for (let tries = 1; ; ++tries) {
      try {
        return await ask();
      } catch (error) {
        const isGone = error instanceof ApiError && error.reason === "NOT_UPLOADED";
        if (!(isGone || isPassing(error)) || tries === MOST_TRIES || this.end.signal.aborted) throw error;
        if (isGone) await this.send(files);
        else await new Promise((done) => setTimeout(done, 1000 * tries));
      }
    }
  }
}

// Deletes what was sent and not imported.
export async function dropUploads(): Promise<void> {
  await guarded(call("UploadService", "dropUploads", {}));
}
