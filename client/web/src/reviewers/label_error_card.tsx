import type { ListedLabelErrorJson } from "../../gen/loupe/v1/insight_pb";
import type { ProjectJson } from "../../gen/loupe/v1/project_pb";
import { cornersOf } from "../annotate/corners";
import { errorWords, oddsText } from "../annotate/label_error_words";
import { errorKinds } from "../annotate/task";
import { numberOf } from "../dashboards/formats";
import { annotateAddress, pageAddress } from "../route";
import { BoxCrop, type LabelledCorners } from "../rounds/box_crop";

interface Props {
  project: ProjectJson;
  row: ListedLabelErrorJson;
  isInReview: boolean;
  mayOpen: boolean;
}

export function LabelErrorCard({ project, row, isInReview, mayOpen }: Props) {
  const { image = {}, error = {}, wrong, author } = row;
  const name = project.name ?? "";
  const kind = errorKinds[error.kind ?? ""];
  const words = kind && errorWords({ kind, label: error.label ?? 0 }, wrong?.label ?? 0, project.classes);
  return (
    <>
      <BoxCrop image={image} project={project} boxes={boxesOf(row)} />
      <p class="words">{words}</p>
      <p class="faint where">
        {oddsText(numberOf(error.logOdds))} · labelled by {author}
        {isInReview && (
          <>
            {" "}
            · <strong>in review</strong>
          </>
        )}
      </p>
      <p class="where">
        <a href={pageAddress("image", name, image.id, { box: wrong?.boxId })}>{image.fileName}</a>
      </p>
      {mayOpen && (
        <a class="button" href={annotateAddress(name, image.id)} aria-label={`Open ${image.fileName}`}>
          Open
        </a>
      )}
    </>
  );
}

// A box of another class stays in its place, as mending leaves it.
function boxesOf({ error = {}, wrong }: ListedLabelErrorJson): LabelledCorners[] {
  const boxes: LabelledCorners[] = [];
  const isOther = error.kind === "LABEL_WRONG_CLASS";
  if (wrong) {
    const { box, label = 1 } = wrong;
    boxes.push({ ...cornersOf(box), label, isPredicted: false, isWrong: true });
  }
  const proposed = isOther ? wrong?.box : error.box;
  if (proposed) boxes.push({ ...cornersOf(proposed), label: error.label ?? 1, isPredicted: true });
  return boxes;
}
