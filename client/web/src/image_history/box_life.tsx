import type { ProjectJson } from "../../gen/loupe/v1/project_pb";
import type { BoxProvenanceJson, BoxRevisionJson, BoxSourceJson } from "../../gen/loupe/v1/provenance_pb";
import { Swatch, nameOf } from "../annotate/class_panel";
import { ApiError, call } from "../api";
import { useAnswer } from "../dashboards/answer";
import { score } from "../dashboards/formats";
import { Loading } from "../dashboards/part";
import { When } from "../dashboards/when";
import { Failure } from "../failure";
import { pageAddress } from "../route";
import { counted, durationOf } from "../words";
import { boxText } from "./boxes";
import { changesBetween, type Change } from "./changes";
import type { Ask } from "./quiet_query";
import { changeText, deedOf, originNames, outcomeTexts } from "./words";

interface Props {
  project: ProjectJson;
  image: string; // id
  boxId: string;
  ask: Ask;
}

// What the chosen box was made from, each revision that holds it, and which models learned from it.
export function BoxLife({ project, image, boxId, ask }: Props) {
  const name = project.name ?? "";
  const { value, error, load } = useAnswer(
    () => call("ProvenanceService", "getBoxProvenance", { project: name, boxId }),
    [name, boxId],
  );
  const isGone = error instanceof ApiError && (error.reason === "NO_SUCH_BOX" || error.httpStatus === 400);
  const isElsewhere = value !== null && value.image?.id !== image;
  return (
    <section class="part card life" aria-label={`Box ${boxId}`}>
      <div class="part-head">
        <h3>Box {boxId}</h3>
        <button type="button" onClick={() => ask({ box: "" })} title="Esc">
          Close
        </button>
      </div>
      {isGone && <p role="alert">There is no box {boxId}. Choose one in the picture.</p>}
      {error && !isGone && <Failure message={error.message} retry={() => void load()} />}
      {value === null && !error && <Loading />}
      {isElsewhere && (
        <p role="alert">
          The box is of another image:{" "}
          <a href={pageAddress("image", name, value.image?.id, { box: boxId })}>look at it there</a>
        </p>
      )}
      {value !== null && !isElsewhere && <Life project={project} life={value} ask={ask} />}
    </section>
  );
}

function Life({ project, life, ask }: { project: ProjectJson; life: BoxProvenanceJson; ask: Ask }) {
  const name = project.name ?? "";
  const { revisions = [], trainedModels = [] } = life;
  const turns = turnsOf(revisions);
  const className = (label: number) => nameOf(project.classes, label);
  return (
    <>
      <p>
        {life.inTruth ? "It is in the truth now." : "It is not in the truth now."}{" "}
        {trainedModels.length === 0 && "No model learned from it."}
        {trainedModels.length > 0 && (
          <>
            Models that learned from it:{" "}
            {trainedModels.map((model, i) => (
              <>
                {i > 0 && ", "}
                <a href={pageAddress("model", name, model)}>model {model}</a>
              </>
            ))}
            .
          </>
        )}
      </p>
      <ol class="lives">
        {turns.map(({ held: { revision = {}, box, spentMs, source }, change }) => (
          <li key={revision.number}>
            <button type="button" class="link" onClick={() => ask({ revision: revision.number })}>
              Revision {revision.number}
            </button>
            : {deedOf(revision)}, <When at={revision.createdAt} />.
            <span class="row">
              <Swatch label={box?.label ?? 0} />
              <span>
                {className(box?.label ?? 0)}, {change && `${changeText(change, className)}, `}
                {originNames[box?.origin ?? "ORIGIN_UNSPECIFIED"]}
                {box?.ignore && ", to ignore"}{" "}
                <span class="faint">
                  at {boxText(box?.box)}
                  {spentMs !== undefined && `; ${durationOf(spentMs)} on the box`}
                </span>
              </span>
            </span>
            {source && <Source project={project} source={source} />}
          </li>
        ))}
      </ol>
      {turns.length < revisions.length && (
        <p class="faint">
          {counted(revisions.length - turns.length, "other revision holds", "other revisions hold")} it as it
          was.
        </p>
      )}
    </>
  );
}

interface Turn {
  readonly held: BoxRevisionJson;
  readonly change: Change | null; // null: it is the first
}

// The revisions that made or changed the box, or took it from a prediction.
function turnsOf(revisions: readonly BoxRevisionJson[]): Turn[] {
  return revisions.flatMap((held, i) => {
    const before = revisions[i - 1]?.box;
    if (!before || !held.box) return [{ held, change: null }];
    const [change] = changesBetween([before], [held.box]);
    const isKept = change!.kinds.includes("kept");
    return isKept && !held.source ? [] : [{ held, change: isKept ? null : change! }];
  });
}

function Source({ project, source }: { project: ProjectJson; source: BoxSourceJson }) {
  const { model = 0, box, outcome, iou, calibratedScore } = source;
  return (
    <span class="source">
      Made from a box of <a href={pageAddress("model", project.name ?? "", model)}>model {model}</a>:{" "}
      {nameOf(project.classes, box?.label ?? 0)}, score {score(Number(box?.score ?? 0))}
      {calibratedScore !== undefined && `, right with probability ${score(Number(calibratedScore))}`};{" "}
      {outcomeTexts[outcome ?? "OUTCOME_UNSPECIFIED"]}, overlap (IoU) {score(Number(iou ?? 0))}.
    </span>
  );
}
