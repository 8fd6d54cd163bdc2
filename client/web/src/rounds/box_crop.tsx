import type { ImageJson } from "../../gen/loupe/v1/annotation_pb";
import type { ProjectJson } from "../../gen/loupe/v1/project_pb";
import { colourOf } from "../annotate/palette";
import { hexOf, pictureAddress, thumbnailAddress } from "../annotate/task";
import type { Corners } from "../annotate/corners";
import "./box_crop.css";
import { cropAround } from "./crop";

export interface LabelledCorners extends Corners {
  readonly label: number;
  readonly isPredicted: boolean; // dashed
  readonly isWrong?: boolean; // dimmed, with a cross beside it
}

interface Props {
  image: ImageJson;
  project: ProjectJson;
  boxes: readonly LabelledCorners[];
}

const THUMBNAIL_SIDE = 320; // pixels
const CROSSES = 14; // would fill the width of a crop
const ENOUGH = 120; // pixels of a thumbnail that a crop may be made of

// A picture around these boxes, and the boxes.
export function BoxCrop({ image, project, boxes }: Props) {
  const { width = 1, height = 1 } = image;
  const crop = cropAround(boxes, width, height);
  const { low = 0, high = 65535 } = project.intensityRange ?? {};
  const picture = { hash: hexOf(image.sha256 ?? ""), mediaType: image.mediaType ?? "" };
  const shrunk = Math.min(THUMBNAIL_SIDE / Math.max(width, height), 1);
  const address =
    crop.width * shrunk >= ENOUGH
      ? thumbnailAddress(picture.hash, picture.mediaType, { low, high })
      : pictureAddress(picture, { low, high });
  const share = (length: number, of: number) => `${(100 * length) / of}%`;
  return (
    <span class="crop">
      <img
        src={address}
        alt=""
        loading="lazy"
        decoding="async"
        style={{
          left: share(-crop.x, crop.width),
          top: share(-crop.y, crop.height),
          width: share(width, crop.width),
          height: share(height, crop.height),
        }}
      />
      <svg viewBox={`${crop.x} ${crop.y} ${crop.width} ${crop.height}`} aria-hidden="true">
        {boxes.map((box, i) => (
          <rect key={`edge ${i}`} class="edge" {...placeOf(box)} />
        ))}
        {boxes.map((box, i) => (
          <g key={i} class={colourOf(box.label)}>
            <rect class={styleOf(box)} {...placeOf(box)} />
            {box.isWrong && (
              <text x={box.x2} y={box.y1} dx="0.25em" dy="0.35em" font-size={crop.width / CROSSES}>
                ✕
              </text>
            )}
          </g>
        ))}
      </svg>
    </span>
  );
}

function placeOf({ x1, y1, x2, y2 }: Corners) {
  return { x: x1, y: y1, width: x2 - x1, height: y2 - y1 };
}

function styleOf({ isPredicted, isWrong }: LabelledCorners): string {
  return isPredicted ? "predicted" : isWrong ? "wrong" : "";
}
