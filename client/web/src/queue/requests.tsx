import type { QueueSummaryJson, RequestedImageJson, TaskKindJson } from "../../gen/loupe/v1/labeling_pb";
import type { ProjectJson } from "../../gen/loupe/v1/project_pb";
import { nameOf } from "../annotate/class_panel";
import { count } from "../dashboards/formats";
import { When } from "../dashboards/when";
import { ImageLink } from "./cards";

export const kindTexts: Partial<Record<TaskKindJson, string>> = {
  RANKED: "of the ranking",
  REOPEN: "opened again",
  CLASS_ADDED: "for a class that was added",
  REVIEW: "for a second look",
  ASSIGNED: "given to one person",
  OVERLAP: "for a second opinion",
};

// What is served before the ranking.
export function Requests({ project, summary }: { project: ProjectJson; summary: QueueSummaryJson }) {
  const { requests = [], nextRequests = [] } = summary;
  return (
    <section class="part" aria-label="Before the ranking">
      <h3>Before the ranking</h3>
      <p>
        Asked for, and served first:{" "}
        {requests
          .map(
            ({ kind, images, hasMore }) =>
              `${hasMore ? "at least " : ""}${count(images)} ${kindTexts[kind ?? "RANKED"]}`,
          )
          .join(", ")}
        .
      </p>
      <ol class="cards">
        {nextRequests.map((request) => {
          const { image = {}, newClass = 0, requestedAt, heldBy, reason } = request;
          return (
            <li key={`${image.id} ${newClass}`} class="card">
              <ImageLink project={project} image={image} />
              <p>{wishOf(request, project)}</p>
              {reason && <p>“{reason}”</p>}
              <p class="faint">
                Since <When at={requestedAt} />.{heldBy && ` ${heldBy} has it.`}
              </p>
            </li>
          );
        })}
      </ol>
    </section>
  );
}

function wishOf({ kind, newClass = 0, askedOf }: RequestedImageJson, project: ProjectJson): string {
  if (newClass) return `To be looked at for ${nameOf(project.classes, newClass)}.`;
  if (kind === "ASSIGNED") return `Given to ${askedOf || "anybody: the person's token has ended"}.`;
  if (kind === "OVERLAP") return "A second opinion, by somebody who hasn't seen it.";
  return `A second look, by ${askedOf || "somebody else than its author"}.`;
}
