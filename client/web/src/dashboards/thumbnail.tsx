import type { ImageJson } from "../../gen/loupe/v1/annotation_pb";
import type { ProjectJson } from "../../gen/loupe/v1/project_pb";
import { colourOf } from "../annotate/palette";
import { hexOf, thumbnailAddress } from "../annotate/task";

export interface DrawnBox {
  readonly x1: number;
  readonly y1: number;
  readonly x2: number;
  readonly y2: number;
  readonly label: number;
  readonly isPredicted?: boolean; // dashed
}

interface Props {
  image: ImageJson; // of it: sha256, mediaType, width and height, fileName
  project: ProjectJson;
  width?: number; // in pixels of the page; the height is three quarters of it
  boxes?: readonly DrawnBox[];
  // Default: the file name. Empty where the name stands beside it.
  alt?: string;
}

export function Thumbnail({ image, project, width = 160, boxes = [], alt = image.fileName }: Props) {
  const { low = 0, high = 65535 } = project.intensityRange ?? {};
  const address = thumbnailAddress(hexOf(image.sha256 ?? ""), image.mediaType ?? "", { low, high });
  return (
    <span class="thumbnail">
      <img src={address} alt={alt} width={width} height={(width * 3) / 4} loading="lazy" decoding="async" />
      {boxes.length > 0 && (
        <svg viewBox={`0 0 ${image.width} ${image.height}`} aria-hidden="true">
          {boxes.map(({ x1, y1, x2, y2, label, isPredicted }, i) => (
            <rect
              key={i}
              class={`${colourOf(label)} ${isPredicted ? "predicted" : ""}`}
              x={x1}
              y={y1}
              width={x2 - x1}
              height={y2 - y1}
            />
          ))}
        </svg>
      )}
    </span>
  );
}
