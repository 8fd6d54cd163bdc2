import { useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";
import type { ImageProblemJson } from "../../gen/loupe/v1/annotation_pb";
import type { ProjectJson } from "../../gen/loupe/v1/project_pb";
import type { RoleJson } from "../../gen/loupe/v1/token_pb";
import { useAnswer } from "../dashboards/answer";
import { useChange } from "../dashboards/change";
import { Downloads, save } from "../dashboards/downloads";
import { mayAdminister, mayEngineer } from "../role";
import { pageAddress } from "../route";
import { counted } from "../words";
import { EXCLUDED, isUnused, namedText } from "./action_words";
import { cocoOf, columns } from "./files";
import { peopleFor } from "./people_known";
import { MOST_SELECTED } from "./selection";
import type { Tile } from "./tile";
import { readLabels } from "./truth_boxes";

const LISTED_PROBLEMS = 5;

interface Outcome {
  readonly done: string; // "12 images excluded"
  readonly change: string; // what the tiles say of them
  readonly ids: readonly string[];
  readonly problems: readonly ImageProblemJson[];
  readonly undo?: () => Promise<Outcome>;
}

interface Props {
  project: ProjectJson;
  role: RoleJson | undefined;
  selected: ReadonlyMap<string, Tile>;
  changes: ReadonlyMap<string, string>; // what became of images since they were read
  clear: () => void;
  dismiss: () => void; // what the last act did
  changed: (ids: readonly string[], change: string) => void;
}

type Act = "exclude" | "review" | "assign";

// What can be done with the selected images.
export function Actions({ project, role, selected, changes, clear, dismiss, changed }: Props) {
  const act = useSignal<Act | "">("");
  const outcome = useSignal<Outcome | null>(null);
  const change = useChange();
  const name = project.name ?? "";
  const imageIds = [...selected.keys()];
  const unusedIds = imageIds.filter((id) => isUnused(selected.get(id)!, changes.get(id)));
  // Of all that something was done with: an undo may tell of them, too.
  const fileNames = useRef(new Map<string, string>());
  for (const [id, { image }] of selected) fileNames.current.set(id, image?.fileName ?? "");

  const run = (does: () => Promise<Outcome>) =>
    change.run(async () => {
      const result = await does();
      outcome.value = result;
      act.value = "";
      changed(result.ids, result.change);
    });
  const base = { project: name, imageIds };

  async function exclude(reason: string): Promise<Outcome> {
    const answer = await change.call("ImageService", "excludeImages", { ...base, reason });
    const { imageIds: ids = [], problems = [] } = answer;
    return { done: `${images(ids)} excluded`, change: EXCLUDED, ids, problems, undo: () => restore(ids) };
  }
  async function restore(asked: readonly string[]): Promise<Outcome> {
    const answer = await change.call("ImageService", "restoreImages", { ...base, imageIds: [...asked] });
    const { imageIds: ids = [], problems = [] } = answer;
    return { done: `${images(ids)} in use again`, change: "in use again", ids, problems };
  }
  async function review(reviewer: string, reason: string): Promise<Outcome> {
    const answer = await change.call("LabelingService", "requestReviews", { ...base, reviewer, reason });
    const { imageIds: ids = [], problems = [] } = answer;
    const by = reviewer || "somebody else";
    const undo = () => takeBack(ids);
    return { done: `${images(ids)} will be looked at by ${by}`, change: `for ${by}`, ids, problems, undo };
  }
  async function assign(annotator: string, reason: string): Promise<Outcome> {
    const answer = await change.call("LabelingService", "assignImages", { ...base, annotator, reason });
    const { imageIds: ids = [], problems = [] } = answer;
    const undo = () => takeBack(ids);
    return { done: `${images(ids)} given to ${annotator}`, change: `for ${annotator}`, ids, problems, undo };
  }
  async function takeBack(asked: readonly string[]): Promise<Outcome> {
    const answer = await change.call("LabelingService", "cancelRequests", { ...base, imageIds: [...asked] });
    const { imageIds: ids = [], problems = [] } = answer;
    return { done: `nobody is asked about ${images(ids)} any more`, change: "no request", ids, problems };
  }
  async function exportCoco() {
    const labelled = await readLabels(name, imageIds, new AbortController().signal);
    save(`${name}-images.coco.json`, "application/json", cocoOf(project, labelled));
    const without = selected.size - labelled.length;
    if (without > 0) throw new Error(`${images(without)} without labels in use are not in the file.`);
  }

  const done = outcome.value;
  return (
    <section class="actions card" aria-label="Selected images">
      {selected.size > 0 && (
        <div class="choices">
          <strong>{counted(selected.size, "image selected", "images selected")}</strong>
          {selected.size === MOST_SELECTED && <span class="faint">the most at a time</span>}
          {mayEngineer(role) && (
            <>
              {unusedIds.length < selected.size && <Choice act={act} own="exclude" text="Exclude…" />}
              {unusedIds.length > 0 && (
                <button
                  type="button"
                  disabled={change.isBusy}
                  onClick={() => void run(() => restore(unusedIds))}
                >
                  Restore
                </button>
              )}
              <Choice act={act} own="review" text="Send to review…" />
              <Choice act={act} own="assign" text="Assign…" />
              <button
                type="button"
                disabled={change.isBusy}
                onClick={() => void run(() => takeBack(imageIds))}
              >
                Cancel requests
              </button>
            </>
          )}
          {selected.size === 1 && (
            <a class="button" href={pageAddress("images", name, "", { like: imageIds[0] })}>
              More like this
            </a>
          )}
          <Downloads name={`${name}-images`} columns={columns} rows={[...selected.values()]} />
          <button type="button" class="coco" onClick={() => void change.run(exportCoco)}>
            COCO
          </button>
          <button type="button" onClick={clear}>
            Clear
          </button>
        </div>
      )}
      {selected.size > 0 && act.value === "exclude" && (
        <ActForm
          text="Exclude"
          isBusy={change.isBusy}
          submit={({ reason }) => void run(() => exclude(reason))}
        >
          <Reason isRequired />
        </ActForm>
      )}
      {selected.size > 0 && act.value === "review" && (
        <ActForm
          text="Send to review"
          isBusy={change.isBusy}
          submit={({ who, reason }) => void run(() => review(who, reason))}
        >
          <Who project={name} role={role} label="Who looks" placeholder="anybody but the author" />
          <Reason />
        </ActForm>
      )}
      {selected.size > 0 && act.value === "assign" && (
        <ActForm
          text="Assign"
          isBusy={change.isBusy}
          submit={({ who, reason }) => void run(() => assign(who, reason))}
        >
          <Who project={name} role={role} label="Whose they are" placeholder="name of the token" isRequired />
          <Reason />
        </ActForm>
      )}
      <p class="error" role="alert">
        {change.error}
      </p>
      <div role="status">
        {done && (
          <p>
            {done.ids.length > 0 && `${done.done}. `}
            {done.undo && done.ids.length > 0 && (
              <button type="button" disabled={change.isBusy} onClick={() => void run(done.undo!)}>
                Undo
              </button>
            )}{" "}
            <button
              type="button"
              aria-label="Close the message"
              onClick={() => {
                outcome.value = null;
                dismiss();
              }}
            >
              ✕
            </button>
          </p>
        )}
        {done && <Problems problems={done.problems} fileNames={fileNames.current} />}
      </div>
    </section>
  );
}

function images(ids: readonly string[] | number): string {
  return counted(typeof ids === "number" ? ids : ids.length, "image", "images");
}

function Choice({ act, own, text }: { act: { value: Act | "" }; own: Act; text: string }) {
  const isOpen = act.value === own;
  return (
    <button type="button" aria-expanded={isOpen} onClick={() => (act.value = isOpen ? "" : own)}>
      {text}
    </button>
  );
}

interface ActFormProps {
  text: string;
  isBusy: boolean;
  submit: (data: { who: string; reason: string }) => void;
  children: ComponentChildren;
}

function ActForm({ text, isBusy, submit, children }: ActFormProps) {
  const form = useRef<HTMLFormElement>(null);
  useLayoutEffect(() => form.current?.querySelector("input")?.focus(), []);
  return (
    <form
      ref={form}
      class="act"
      onSubmit={(event) => {
        event.preventDefault();
        const data = new FormData(event.currentTarget);
        const textOf = (name: string) => String(data.get(name) ?? "").trim();
        submit({ who: textOf("who"), reason: textOf("reason") });
      }}
    >
      {children}
      <button type="submit" class="primary" disabled={isBusy}>
        {text}
      </button>
    </form>
  );
}

function Reason({ isRequired = false }: { isRequired?: boolean }) {
  return (
    <label>
      Why <input name="reason" required={isRequired} maxLength={1000} placeholder={isRequired ? "" : "not needed"} />
    </label>
  );
}

interface WhoProps {
  project: string;
  role: RoleJson | undefined;
  label: string;
  placeholder: string;
  isRequired?: boolean;
}

function Who({ project, role, label, placeholder, isRequired = false }: WhoProps) {
  const { value: people } = useAnswer(() => peopleFor(project, role), [project]);
  return (
    <label>
      {label}{" "}
      <input name="who" list="people" required={isRequired} maxLength={100} placeholder={placeholder} />
      <datalist id="people">
        {(people ?? []).map((name) => (
          <option key={name} value={name} />
        ))}
      </datalist>
      {!mayAdminister(role) && (
        <span class="faint"> Suggested are those who have labelled here; others work, too.</span>
      )}
    </label>
  );
}

interface ProblemsProps {
  problems: readonly ImageProblemJson[];
  fileNames: ReadonlyMap<string, string>; // by id
}

function Problems({ problems, fileNames }: ProblemsProps) {
  if (problems.length === 0) return null;
  const more = problems.length - LISTED_PROBLEMS;
  return (
    <>
      <p>{images(problems.length)} stayed as they were:</p>
      <ul class="problems">
        {problems.slice(0, LISTED_PROBLEMS).map(({ imageId, message }) => (
          <li key={imageId}>{namedText(message, imageId, fileNames)}</li>
        ))}
        {more > 0 && <li>and {more} more</li>}
      </ul>
    </>
  );
}
