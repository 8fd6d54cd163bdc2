import type { ComponentChildren } from "preact";
import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import type { ProjectJson } from "../../gen/loupe/v1/project_pb";
import type { ShownBoxJson } from "../../gen/loupe/v1/provenance_pb";
import { Swatch } from "../annotate/class_panel";
import { cornersOf } from "../annotate/corners";
import type { Column } from "../dashboards/columns";
import { Downloads } from "../dashboards/downloads";
import { score } from "../dashboards/formats";
import { When } from "../dashboards/when";
import { pageAddress } from "../route";
import { counted, durationOf } from "../words";
import { boxText } from "./boxes";
import { holdsBoxes, type Change, type Step } from "./changes";
import type { Ask } from "./quiet_query";
import {
  changeText,
  deedOf,
  originNames,
  outcomeNames,
  outcomeTexts,
  standingText,
  whyServed,
} from "./words";

const ROWS = 40; // more are shown when asked for: a long list would make each step slow

interface Props {
  project: ProjectJson;
  step: Step;
  steps: number;
  place: number;
  changes: readonly Change[];
  summary: string;
  boxId: string;
  walkTo: (place: number) => void;
  ask: Ask;
  point: (key: string | null) => void; // a mark is pointed at in a list; null: none is
  className: (label: number) => string;
}

export function RevisionPanel(props: Props) {
  const { project, step, steps, place, changes, summary, boxId, walkTo, ask, point, className } = props;
  const { revision } = step;
  const name = project.name ?? "";
  const { number = 0, author = "", shownBoxes = [], shownModel = 0, flags = [] } = revision;
  const changed = changes.filter(({ kinds }) => !kinds.includes("kept"));
  const kept = changes.filter(({ kinds }) => kinds.includes("kept"));
  const why = whyServed(revision);
  const draw = (change: Change) => {
    const isChosen = change.boxId === boxId;
    return (
      <BoxRow
        key={change.boxId}
        change={change}
        isChosen={isChosen}
        ask={ask}
        point={point}
        className={className}
      />
    );
  };
  return (
    <section class="part" aria-label={`Revision ${number}`}>
      <div class="part-head">
        <h3 aria-live="polite">
          Revision {number} of {steps}
        </h3>
        <span class="ways">
          <button
            type="button"
            disabled={place <= 0}
            onClick={() => walkTo(place - 1)}
            title="The one before (←)"
          >
            ← Before
          </button>
          <button
            type="button"
            disabled={place >= steps - 1}
            onClick={() => walkTo(place + 1)}
            title="The next one (→)"
          >
            Next →
          </button>
        </span>
      </div>
      <p>
        <strong>{deedOf(revision)}.</strong> {standingText(step)}
      </p>
      <dl class="facts">
        <Fact name="When">
          <When at={revision.createdAt} />
        </Fact>
        <Fact name="Who">
          <a href={pageAddress("images", name, "", { by: author })}>images labelled by {author}</a>
        </Fact>
        {holdsBoxes(revision) && revision.source !== "import" && (
          <Fact name="Saw">
            {shownModel === 0 &&
              (revision.basedOn ? "the boxes of the label, no predictions" : "no predictions")}
            {shownModel > 0 && (
              <>
                {counted(shownBoxes.length, "box", "boxes")} of{" "}
                <a href={pageAddress("model", name, shownModel)}>model {shownModel}</a>
              </>
            )}
          </Fact>
        )}
        {revision.blind && (
          <Fact name="Blind">
            {revision.source === "import" ? "declared so by the import" : "no predictions were seen"}
          </Fact>
        )}
        {(revision.spentMs ?? 0) > 0 && <Fact name="Time spent">{durationOf(revision.spentMs ?? 0)}</Fact>}
        {why && <Fact name="Why served">{why}</Fact>}
        {revision.late && (
          <Fact name="Late">its lease had ended, or the truth had changed since it was served</Fact>
        )}
        {revision.note && <Fact name="Note">{revision.note}</Fact>}
        {flags.length > 0 && <Fact name="Flags">{flags.join(", ")}</Fact>}
        {revision.client && <Fact name="Client">{revision.client}</Fact>}
      </dl>

      <div class="part-head">
        <h4>{summary ? `Changed: ${summary}` : "No box changed"}</h4>
        <Downloads
          name={`${name}-revision-${revision.revisionId}`}
          columns={columnsOf(className)}
          rows={changes}
        />
      </div>
      <Rows rows={changed} draw={draw} />
      {kept.length > 0 && (
        <Folded title={`${counted(kept.length, "box", "boxes")} as before`} isOpen={changed.length === 0}>
          {() => <Rows rows={kept} draw={draw} />}
        </Folded>
      )}
      {shownBoxes.length > 0 && (
        <Shown
          shown={shownBoxes}
          point={point}
          className={className}
          name={`${name}-shown-${revision.revisionId}`}
        />
      )}
    </section>
  );
}

function Fact({ name, children }: { name: string; children: ComponentChildren }) {
  return (
    <>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </>
  );
}

interface FoldedProps {
  title: string;
  isOpen: boolean; // to begin with
  children: () => ComponentChildren;
}

// What it holds is made when it is open.
function Folded({ title, isOpen, children }: FoldedProps) {
  const isUnfolded = useSignal(isOpen);
  useEffect(() => void (isUnfolded.value = isOpen), [isOpen]);
  return (
    <details open={isUnfolded.value} onToggle={(event) => (isUnfolded.value = event.currentTarget.open)}>
      <summary>{title}</summary>
      {isUnfolded.value && children()}
    </details>
  );
}

export function Rows<Row>({ rows, draw }: { rows: readonly Row[]; draw: (row: Row) => ComponentChildren }) {
  const isWhole = useSignal(false);
  if (rows.length === 0) return null;
  return (
    <>
      <ul class="rows">{(isWhole.value ? rows : rows.slice(0, ROWS)).map(draw)}</ul>
      {rows.length > ROWS && !isWhole.value && (
        <button type="button" class="more" onClick={() => (isWhole.value = true)}>
          All {rows.length}
        </button>
      )}
    </>
  );
}

interface BoxRowProps {
  change: Change;
  isChosen: boolean;
  ask: Ask;
  point: (key: string | null) => void;
  className: (label: number) => string;
}

function BoxRow({ change, isChosen, ask, point, className }: BoxRowProps) {
  const box = change.after ?? change.before!;
  const { boxId } = change;
  return (
    <li>
      <button
        type="button"
        class="row"
        aria-pressed={isChosen}
        onClick={() => ask({ box: isChosen ? "" : boxId })}
        onPointerEnter={() => point(`box ${boxId}`)}
        onPointerLeave={() => point(null)}
      >
        <Swatch label={box.label ?? 0} />
        <span class="name">{className(box.label ?? 0)}</span>
        <span class="faint">
          {!change.kinds.includes("kept") && `${changeText(change, className)} · `}
          {originNames[box.origin ?? "ORIGIN_UNSPECIFIED"]}
          {box.ignore && !change.kinds.includes("marked") && " · to ignore"}
        </span>
      </button>
    </li>
  );
}

function columnsOf(className: (label: number) => string): Column<Change>[] {
  const boxOf = ({ after, before }: Change) => after ?? before!;
  return [
    { name: "box_id", title: "", value: ({ boxId }) => boxId },
    { name: "change", title: "", value: ({ kinds }) => kinds.join(" ") },
    { name: "label", title: "", value: (change) => boxOf(change).label },
    { name: "class", title: "", value: (change) => className(boxOf(change).label ?? 0) },
    { name: "x1", title: "", value: (change) => cornersOf(boxOf(change).box).x1 },
    { name: "y1", title: "", value: (change) => cornersOf(boxOf(change).box).y1 },
    { name: "x2", title: "", value: (change) => cornersOf(boxOf(change).box).x2 },
    { name: "y2", title: "", value: (change) => cornersOf(boxOf(change).box).y2 },
    { name: "origin", title: "", value: (change) => boxOf(change).origin?.toLowerCase() },
    { name: "ignore", title: "", value: (change) => boxOf(change).ignore ?? false },
    { name: "iou", title: "", value: ({ iou }) => iou },
  ];
}

interface ShownProps {
  shown: readonly ShownBoxJson[];
  name: string; // of the file
  point: (key: string | null) => void;
  className: (label: number) => string;
}

// The boxes that the task showed, and what became of each.
function Shown({ shown, name, point, className }: ShownProps) {
  const columns: Column<ShownBoxJson>[] = [
    { name: "index", title: "", value: ({ box }) => box?.index },
    { name: "label", title: "", value: ({ box }) => box?.label },
    { name: "class", title: "", value: ({ box }) => className(box?.label ?? 0) },
    { name: "score", title: "", value: ({ box }) => Number(box?.score ?? 0) },
    {
      name: "calibrated_score",
      title: "",
      value: ({ calibratedScore }) => calibratedScore && Number(calibratedScore),
    },
    { name: "outcome", title: "", value: ({ outcome }) => outcomeNames[outcome ?? "OUTCOME_UNSPECIFIED"] },
    { name: "box", title: "", value: ({ box }) => boxText(box?.box) },
  ];
  return (
    <>
      <div class="part-head">
        <h4>Shown to the author: {counted(shown.length, "box", "boxes")}</h4>
        <Downloads name={name} columns={columns} rows={shown} />
      </div>
      <Rows
        rows={shown}
        draw={({ box, outcome, calibratedScore }) => (
          <li
            key={box?.index}
            class="row"
            onPointerEnter={() => point(`shown ${box?.index ?? 0}`)}
            onPointerLeave={() => point(null)}
          >
            <Swatch label={box?.label ?? 0} />
            <span class="name">
              {className(box?.label ?? 0)} {score(Number(box?.score ?? 0))}
            </span>
            <span class="faint">
              {outcomeTexts[outcome ?? "OUTCOME_UNSPECIFIED"]}
              {calibratedScore !== undefined && `; right with probability ${score(Number(calibratedScore))}`}
            </span>
          </li>
        )}
      />
    </>
  );
}
