import type { ImageJson } from "../../gen/loupe/v1/annotation_pb";
import type { ComponentChildren } from "preact";
import type { QueueEntryJson } from "../../gen/loupe/v1/labeling_pb";
import type { ProjectJson } from "../../gen/loupe/v1/project_pb";
import { Swatch, nameOf } from "../annotate/class_panel";
import { Thumbnail } from "../dashboards/thumbnail";
import { When } from "../dashboards/when";
import { placeText, reasonText, sliceNames } from "../image_history/words";
import { pageAddress } from "../route";

// The next images, each with why it is next.
export function QueueCards({
  project,
  entries,
}: {
  project: ProjectJson;
  entries: readonly QueueEntryJson[];
}) {
  return (
    <ol class="cards">
      {entries.map((entry) => (
        <li key={entry.image?.id} class="card">
          <ImageLink
            project={project}
            image={entry.image ?? {}}
            model={entry.blind ? 0 : entry.reason?.model}
          />
          <Why project={project} entry={entry} />
        </li>
      ))}
    </ol>
  );
}

interface LinkProps {
  project: ProjectJson;
  image: ImageJson;
  model?: number; // whose predictions are drawn there; 0: none's
}

export function ImageLink({ project, image, model = 0 }: LinkProps) {
  const address = pageAddress("image", project.name ?? "", image.id, { model: model || undefined });
  return (
    <a class="picture-link" href={address}>
      <Thumbnail image={image} project={project} width={200} alt="" />
      <span class="name">{image.fileName}</span>
    </a>
  );
}

function Why({ project, entry }: { project: ProjectJson; entry: QueueEntryJson }) {
  const { reason = {}, predicted = [], blind, heldBy, leaseExpiresAt } = entry;
  return (
    <>
      <p class="badges">
        <Badge>{sliceNames[reason.slice ?? "SLICE_UNSPECIFIED"]}</Badge>
        {blind && <Badge>blind</Badge>}
      </p>
      <p>{reasonText(reason)}</p>
      {predicted.length > 0 && (
        <ul class="predicted">
          {predicted.map(({ label = 0, score }) => (
            <li key={label}>
              <Swatch label={label} /> {nameOf(project.classes, label)} {Number(score).toFixed(3)}
            </li>
          ))}
        </ul>
      )}
      <p class="faint">
        {placeText(reason)}
        {heldBy && (
          <>
            {" "}
            {heldBy} has it until <When at={leaseExpiresAt} />.
          </>
        )}
      </p>
    </>
  );
}

function Badge({ children }: { children: ComponentChildren }) {
  return <span class="badge">{children}</span>;
}
