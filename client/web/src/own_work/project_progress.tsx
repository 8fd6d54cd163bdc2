import { useEffect } from "preact/hooks";
import type { ClassCountJson, ProjectStatusJson } from "../../gen/loupe/v1/project_pb";
import { Swatch } from "../annotate/class_panel";
import { setColours } from "../annotate/palette";
import { imagesOf, labelledOf } from "../progress";
import { annotateAddress } from "../route";
import { counted, numbered } from "../words";

interface Props {
  project: string;
  status: ProjectStatusJson;
  skippedImages: number; // by the person
  // Pool and holdout are told apart. Annotators could tell from such counts which images of theirs are of the
  // holdout.
  showsSides: boolean;
}

export function ProjectProgress({ project, status, skippedImages, showsSides }: Props) {
  const images = imagesOf(status);
  useEffect(() => setColours(status.project?.classes ?? []), [status]);
  const classes = (status.classCounts ?? []).filter((each) => !each.class?.retired || Number(each.boxes) > 0);
  return (
    <section class="project-progress" aria-labelledby="progress">
      <h3 id="progress">The project</h3>
      {images === 0 ? (
        <p>{project} has no pictures yet.</p>
      ) : (
        <Labelled status={status} showsSides={showsSides} />
      )}
      {skippedImages > 0 && (
        <p>
          You have skipped {counted(skippedImages, "image", "images")} that nobody has labelled since.{" "}
          <a href={annotateAddress(project)}>Label what is left</a>: after that they can be taken up again.
        </p>
      )}
      {classes.length > 0 && <ClassTable classes={classes} />}
    </section>
  );
}

function Labelled({ status, showsSides }: { status: ProjectStatusJson; showsSides: boolean }) {
  const images = imagesOf(status);
  const labelled = labelledOf(status);
  const of = (some: string | undefined, all: string | undefined) =>
    `${numbered(Number(some ?? 0))} of ${numbered(Number(all ?? 0))}`;
  const notBlind = Number(status.holdoutNotBlind ?? 0);
  return (
    <div class="labelled">
      <p>
        <strong>
          {numbered(labelled)} of {numbered(images)}
        </strong>{" "}
        labelled, {numbered(images - labelled)} left
      </p>
      <progress value={labelled} max={images} aria-label="Labelled images" />
      {showsSides && (
        <p class="faint">
          Pool: {of(status.poolLabelled, status.poolImages)}. Holdout:{" "}
          {of(status.holdoutLabelled, status.holdoutImages)}
          {notBlind > 0 && `, and ${numbered(notBlind)} more that weren't labelled blind`}.
        </p>
      )}
    </div>
  );
}

function ClassTable({ classes }: { classes: readonly ClassCountJson[] }) {
  return (
    <table class="card" aria-label="Boxes by class">
      <thead>
        <tr>
          <th scope="col">Class</th>
          <th scope="col">Boxes</th>
          <th scope="col">Images</th>
        </tr>
      </thead>
      <tbody>
        {classes.map(({ class: { label = 0, name, retired } = {}, boxes, images, imagesToLookAt }) => (
          <tr key={label}>
            <th scope="row">
              <Swatch label={label} />
              <span>
                {name} {retired && <span class="faint">retired</span>}
                {Number(imagesToLookAt ?? 0) > 0 && (
                  <span class="faint">
                    to be looked for on {counted(Number(imagesToLookAt), "image", "images")}
                  </span>
                )}
              </span>
            </th>
            <td>{numbered(Number(boxes ?? 0))}</td>
            <td>{numbered(Number(images ?? 0))}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
