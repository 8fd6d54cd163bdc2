import type { TrainingPointJson } from "../../gen/loupe/v1/round_pb";
import { numberOf } from "../dashboards/formats";

// The points of the training that led to the model: one that was taken up again from a checkpoint did the
// iterations after it once more.
export function lastCourse(points: readonly TrainingPointJson[]): TrainingPointJson[] {
  const course: TrainingPointJson[] = [];
  for (const point of points) {
    while (course.length > 0 && numberOf(course.at(-1)!.iteration) >= numberOf(point.iteration)) course.pop();
    course.push(point);
  }
  return course;
}

// null: not a number that a curve can show.
export function finite(value: number | string | undefined): number | null {
  const number = numberOf(value);
  return Number.isFinite(number) ? number : null;
}
