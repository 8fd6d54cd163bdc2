// A selection as files.

import type { LabelledImageJson } from "../../gen/loupe/v1/image_pb";
import type { ProjectJson } from "../../gen/loupe/v1/project_pb";
import type { Column } from "../dashboards/columns";
import { numberOf } from "../dashboards/formats";
import type { Tile } from "./tile";

const lower = (name: string | undefined) => name?.toLowerCase();

export const columns: readonly Column<Tile>[] = [
  { name: "id", title: "Id", value: ({ image }) => numberOf(image?.id) },
  { name: "file_name", title: "File", value: ({ image }) => image?.fileName },
  { name: "side", title: "", value: ({ image }) => lower(image?.side) },
  { name: "state", title: "", value: ({ image }) => lower(image?.state) },
  { name: "width", title: "", value: ({ image }) => image?.width },
  { name: "height", title: "", value: ({ image }) => image?.height },
  { name: "labelled", title: "", value: ({ image }) => image?.labelled ?? false },
  { name: "labelled_by", title: "", value: ({ labelledBy }) => labelledBy },
  { name: "labelled_at", title: "", value: ({ labelledAt }) => labelledAt },
  { name: "boxes", title: "", value: ({ boxes }) => boxes },
  { name: "score", title: "", value: ({ score }) => (score === undefined ? undefined : Number(score)) },
  { name: "similarity", title: "", value: ({ similarity }) => similarity },
];

// As `loupe export` writes it; a region to ignore is a crowd.
export function cocoOf(project: ProjectJson, labelled: readonly LabelledImageJson[]): string {
  const images = labelled.map(({ image }) => ({
    id: numberOf(image?.id),
    file_name: image?.fileName ?? "",
    width: image?.width ?? 0,
    height: image?.height ?? 0,
  }));
  const annotations = labelled.flatMap(({ image, boxes = [] }) =>
    boxes.map(({ box, label, ignore, boxId }) => {
      const { x1 = 0, y1 = 0, x2 = 0, y2 = 0 } = box ?? {};
      const [left, top] = [Number(x1), Number(y1)];
      const [width, height] = [Number(x2) - left, Number(y2) - top];
      return {
        id: numberOf(boxId),
        image_id: numberOf(image?.id),
        category_id: label ?? 0,
        bbox: [left, top, width, height],
        area: width * height,
        iscrowd: ignore ? 1 : 0,
      };
    }),
  );
  const categories = (project.classes ?? []).map(({ label, name }) => ({ id: label ?? 0, name: name ?? "" }));
  return `${JSON.stringify({ images, annotations, categories })}\n`;
}
