// How far a project is.

import type { ProjectStatusJson } from "../gen/loupe/v1/project_pb";
import { numbered } from "./words";

export function imagesOf({ images }: ProjectStatusJson): number {
  return Number(images ?? 0);
}

// Images that have a truth.
export function labelledOf({ labelled }: ProjectStatusJson): number {
  return Number(labelled ?? 0);
}

export function progressOf(status: ProjectStatusJson): string {
  const images = imagesOf(status);
  if (images === 0) return "no pictures yet";
  return `${numbered(labelledOf(status))} of ${numbered(images)} labelled`;
}
