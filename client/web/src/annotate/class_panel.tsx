import type { ClassJson } from "../../gen/loupe/v1/annotation_pb";
import type { Desk } from "./desk";
import { colourOf, shapeOf } from "./palette";
import { isVisible } from "./work";

// The colour and shape of a class.
export function Swatch({ label }: { label: number }) {
  return (
    <span class={`swatch ${colourOf(label)}`} aria-hidden="true">
      {shapeOf(label)}
    </span>
  );
}

export function nameOf(classes: readonly ClassJson[] | undefined, label: number): string {
  return classes?.find((each) => each.label === label)?.name ?? `class ${label}`;
}

// Classes with their keys, and how many boxes of each are in view.
export function ClassPanel({ desk }: { desk: Desk }) {
  const work = desk.work.value;
  const counts = new Map<number, number>();
  for (const box of work?.boxes ?? []) {
    if (isVisible(work!, box)) counts.set(box.label, (counts.get(box.label) ?? 0) + 1);
  }
  const classes = (desk.project.value.classes ?? []).filter((each) => !each.retired);
  return (
    <section aria-labelledby="classes">
      <h2 id="classes">Classes</h2>
      <ul class="rows">
        {classes.map(({ label = 0, name }, i) => (
          <li key={label}>
            <button
              type="button"
              class="row"
              aria-pressed={desk.label.value === label}
              onClick={() => desk.chooseLabel(label)}
            >
              <kbd>{i < 10 ? (i + 1) % 10 : ""}</kbd>
              <Swatch label={label} />
              <span class="name">{name}</span>
              <span class="number">{counts.get(label) ?? 0}</span>
            </button>
          </li>
        ))}
      </ul>
    </section>
  );
}
