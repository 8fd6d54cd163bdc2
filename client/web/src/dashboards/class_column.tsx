import type { ClassJson } from "../../gen/loupe/v1/annotation_pb";
import { Swatch, nameOf } from "../annotate/class_panel";
import type { Column } from "./columns";

// The first column of rows that are about classes.
export function classColumn<Row extends { label?: number }>(
  classes: readonly ClassJson[] | undefined,
): Column<Row> {
  return {
    name: "class",
    title: "Class",
    value: ({ label = 0 }) => nameOf(classes, label),
    show: ({ label = 0 }) => (
      <>
        <Swatch label={label} /> {nameOf(classes, label)}
      </>
    ),
  };
}
