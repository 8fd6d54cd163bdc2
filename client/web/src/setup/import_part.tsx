import { useSignal } from "@preact/signals";
import { useEffect, useMemo } from "preact/hooks";
import { bytes as sizeText } from "../dashboards/formats";
import type { ProjectPageProps } from "../dashboards/pages";
import { pageAddress } from "../route";
import { counted, durationOf, numbered } from "../words";
import { chosenOf, droppedIn, isTooLarge, sorted, tooLargeLine, type Chosen } from "./chosen_files";
import { ImportResult, Problems } from "./import_result";
import { Importing, dropUploads, type Options, type State } from "./importing";

const pictureCount = (count: number) => counted(count, "picture", "pictures");
const sizeOf = (files: readonly Chosen[]) => sizeText(files.reduce((sum, { file }) => sum + file.size, 0));

// Pictures from this computer, with the labels of a COCO file.
export function ImportPart({ project, reload }: ProjectPageProps) {
  const name = project.name ?? "";
  const importing = useMemo(() => new Importing(name), [name]);
  const chosen = useSignal<readonly Chosen[]>([]);
  const cocoPath = useSignal<string | null>(null); // null: the only JSON file, if there is one
  const labelled = useSignal<Options["labelled"] | "">("");
  const blind = useSignal(false);
  const replace = useSignal(false);
  const skipBad = useSignal(false);
  const isOver = useSignal(false); // something is being dragged over the page
  const error = useSignal("");
  const { value: state } = importing.state;
  const { isRunning } = importing;
  const files = useMemo(() => sorted(chosen.value), [chosen.value]);
  const tooLarge = files.pictures.filter(isTooLarge).map(tooLargeLine);
  const only = files.jsonFiles.length === 1 ? files.jsonFiles[0]! : null;
  const coco =
    cocoPath.value === null ? only : (files.jsonFiles.find(({ path }) => path === cocoPath.value) ?? null);

  useEffect(() => () => importing.cancel(), [importing]);
  useEffect(() => {
    if (!isRunning) return;
    const ask = (event: BeforeUnloadEvent) => event.preventDefault();
    addEventListener("beforeunload", ask);
    return () => removeEventListener("beforeunload", ask);
  }, [isRunning]);

  function choose(some: readonly Chosen[]) {
    if (!isSecureContext) {
      error.value =
        "Browsers hash files only on pages that come by https: open this one so, or use `loupe import`.";
      return;
    }
    error.value = some.length === 0 ? "There is no file in it." : "";
    chosen.value = [...chosen.value, ...some];
    importing.again();
  }
  async function drop(event: DragEvent) {
    event.preventDefault();
    isOver.value = false;
    if (!event.dataTransfer || isRunning) return;
    try {
      choose(await droppedIn(event.dataTransfer));
    } catch {
      error.value = "The browser can't read what was dropped: choose the folder instead.";
    }
  }
  async function run(event: Event) {
    event.preventDefault();
    const options = {
      coco,
      labelled: labelled.value || "LABELLED_ALL",
      blind: coco !== null && blind.value,
      replace: coco !== null && replace.value,
      skipBad: skipBad.value,
    } as const;
    await importing.run(files.pictures, options);
    if (importing.state.value.name === "done") await reload();
  }
  function forget() {
    chosen.value = [];
    cocoPath.value = null;
    importing.again();
    dropUploads().catch((refusal: Error) => (error.value = refusal.message));
  }
  function more() {
    chosen.value = [];
    cocoPath.value = null;
    importing.again();
  }

  if (state.name === "done") {
    return (
      <section class="part" aria-labelledby="import">
        <h3 id="import">Imported</h3>
        <ImportResult project={name} result={state.result} />
        {state.unnamed > 0 && (
          <p>The COCO file doesn't name {pictureCount(state.unnamed)}: they were left out.</p>
        )}
        <button type="button" class="more" onClick={more}>
          Import more
        </button>
      </section>
    );
  }
  return (
    <section class="part" aria-labelledby="import">
      <h3 id="import">Import pictures</h3>
      {!isRunning && (
        <div
          class={isOver.value ? "card drop over" : "card drop"}
          onDragOver={(event) => {
            event.preventDefault();
            isOver.value = true;
          }}
          onDragLeave={() => (isOver.value = false)}
          onDrop={drop}
        >
          <p>Drop a folder here, or pictures, with a COCO file if they have labels.</p>
          <div class="ways">
            <Choose text="Choose a folder" isFolder take={choose} />
            <Choose text="Choose files" take={choose} />
          </div>
          <p class="faint">
            JPEG, PNG, BMP, TIFF and WebP, at most 256 MiB each. What was sent before need not be sent again:
            after a broken connection or a reload choose the same files once more.
          </p>
        </div>
      )}
      <p class="error" role="alert">
        {error}
      </p>
      {isRunning && <Running state={state} cancel={() => importing.cancel()} />}
      {state.name === "failed" && <Failed state={state} project={name} forget={forget} />}
      {chosen.value.length > 0 && !isRunning && (
        <form class="choices" onSubmit={run}>
          <p>
            <strong>
              {pictureCount(files.pictures.length)}, {sizeOf(files.pictures)}
            </strong>{" "}
            <button type="button" onClick={more}>
              Choose others
            </button>
          </p>
          {tooLarge.length > 0 && (
            <Problems
              title={`Too large: ${pictureCount(tooLarge.length)}`}
              lines={tooLarge}
              total={tooLarge.length}
              name={`${name}-too-large`}
            />
          )}
          {files.leftOut.length > 0 && (
            <details>
              <summary>
                {counted(files.leftOut.length, "file is", "files are")} no picture, and left out
              </summary>
              <ul class="paths">
                {files.leftOut.slice(0, 20).map((path) => (
                  <li key={path}>{path}</li>
                ))}
              </ul>
            </details>
          )}
          {files.jsonFiles.length > 0 && (
            <label>
              COCO file
              <select
                value={coco?.path ?? ""}
                onChange={(event) => (cocoPath.value = event.currentTarget.value)}
              >
                <option value="">none: pictures without labels</option>
                {files.jsonFiles.map(({ path }) => (
                  <option key={path} value={path}>
                    {path}
                  </option>
                ))}
              </select>
            </label>
          )}
          {coco && (
            <>
              <fieldset>
                <legend>Images of the COCO file without boxes</legend>
                <Radio
                  group={labelled}
                  value="LABELLED_ALL"
                  text="show nothing: somebody looked at every image"
                />
                <Radio
                  group={labelled}
                  value="LABELLED_WITH_BOXES"
                  text="were never looked at: they are to be labelled"
                />
              </fieldset>
              <Check
                checked={blind}
                text="The labels were drawn blind"
                why="by people who saw no predictions. Labels of the holdout count only then."
              />
              <Check
                checked={replace}
                text="Replace labels"
                why="that differ from those that an image has, as a further revision. Otherwise they are kept."
              />
            </>
          )}
          <Check
            checked={skipBad}
            text="Leave out what is bad"
            why={
              "and list it: pictures that are too large, can't be read or aren't what their labels say. " +
              "Otherwise nothing is imported. A fault of the file of labels itself always stops the import."
            }
          />
          <button
            type="submit"
            class="primary"
            disabled={files.pictures.length === 0 || (coco !== null && labelled.value === "")}
          >
            {state.name === "failed" ? "Try again" : `Import ${pictureCount(files.pictures.length)}`}
          </button>
        </form>
      )}
    </section>
  );
}

function Choose({
  text,
  isFolder,
  take,
}: {
  text: string;
  isFolder?: boolean;
  take: (some: Chosen[]) => void;
}) {
  function change(input: HTMLInputElement) {
    if (input.files?.length) take(chosenOf(input.files));
    input.value = ""; // the same files may be chosen again
  }
  return (
    <label class="button">
      {text}
      <input
        class="unseen"
        type="file"
        multiple
        {...(isFolder ? { webkitdirectory: true } : { accept: "image/*,.tif,.tiff,.json" })}
        onChange={(event) => change(event.currentTarget)}
      />
    </label>
  );
}

type Text = { value: string };

function Radio({ group, value, text }: { group: Text; value: string; text: string }) {
  return (
    <label class="check">
      <input
        type="radio"
        name="labelled"
        checked={group.value === value}
        onChange={() => (group.value = value)}
      />
      <span>{text}</span>
    </label>
  );
}

function Check({ checked, text, why }: { checked: { value: boolean }; text: string; why: string }) {
  return (
    <label class="check">
      <input
        type="checkbox"
        checked={checked.value}
        onChange={(event) => (checked.value = event.currentTarget.checked)}
      />
      <span>
        <strong>{text}</strong> <span class="faint">{why}</span>
      </span>
    </label>
  );
}

function Running({ state, cancel }: { state: State; cancel: () => void }) {
  return (
    <div class="card running">
      {state.name === "checking" && <p role="status">Reading the COCO file…</p>}
      {state.name === "sending" && <Sending state={state} />}
      {state.name === "importing" && (
        <>
          <p role="status">
            Checking the pictures and importing them: {numbered(state.checked)} of {numbered(state.files)}
          </p>
          <progress value={state.checked} max={state.files} aria-label="Pictures that were checked" />
        </>
      )}
      <p class="faint">Stay on this page. What was sent is kept for a day when you leave it.</p>
      <button type="button" onClick={cancel}>
        Cancel
      </button>
    </div>
  );
}

function Sending({ state }: { state: Extract<State, { name: "sending" }> }) {
  const { progress, files, bytes } = state;
  const { rate, timeLeft, knownFiles, trouble } = progress;
  return (
    <>
      <p>
        Sending: {numbered(progress.files)} of {pictureCount(files)}, {sizeText(progress.sentBytes)} of{" "}
        {sizeText(bytes)}
        {rate !== null && rate > 0 && `, ${sizeText(rate)} per second`}
        {timeLeft !== null && `, ${durationOf(timeLeft)} left`}
      </p>
      <progress value={progress.sentBytes} max={Math.max(bytes, 1)} aria-label="Bytes that were sent" />
      {knownFiles > 0 && <p class="faint">{numbered(knownFiles)} need not be sent again.</p>}
      <p class="error" role="status">
        {trouble}
      </p>
    </>
  );
}

interface FailedProps {
  state: Extract<State, { name: "failed" }>;
  project: string;
  forget: () => void;
}

function Failed({ state, project, forget }: FailedProps) {
  const [first = "", ...problems] = state.problems;
  const isClasses =
    state.reason === "BAD_COCO" && problems.some((line) => line.includes("is no class of the project"));
  return (
    <div class="card failed" role="alert">
      <p class="error">{first.slice(0, 1).toUpperCase() + first.slice(1)}</p>
      {problems.length > 0 && (
        <Problems
          title="Problems"
          lines={problems}
          total={problems.length}
          name={`${project}-import-problems`}
        />
      )}
      {isClasses && (
        <p>
          <a href={pageAddress("setup", project, "", { part: "classes" })}>
            Add the classes that are missing
          </a>
          , then come back.
        </p>
      )}
      <p class="faint">Whatever was sent is kept for a day: trying again takes it up from there.</p>
      <button type="button" onClick={forget}>
        Forget what was sent
      </button>
    </div>
  );
}
