import { useSignal } from "@preact/signals";
import type { ClassJson } from "../../gen/loupe/v1/annotation_pb";
import type { Desk } from "./desk";
import { keyOf } from "./class_keys";
import { choosesClass, shownChord } from "./keys";
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

function shownKey(label: number, offered: readonly ClassJson[]): string {
  const key = keyOf(label, offered);
  return choosesClass(key) ? key : "";
}

// Classes that have the text in their names. Names that begin with it come first.
export function found(classes: readonly ClassJson[], text: string): ClassJson[] {
  const placeIn = ({ name = "" }: ClassJson) => name.toLowerCase().indexOf(text.toLowerCase());
  return classes
    .filter((each) => placeIn(each) >= 0)
    .sort((a, b) => Number(placeIn(a) > 0) - Number(placeIn(b) > 0));
}

// Classes with their keys, and how many boxes of each are in view.
export function ClassPanel({ desk, leave }: { desk: Desk; leave: () => void }) {
  const search = useSignal("");
  const work = desk.work.value;
  const counts = new Map<number, number>();
  for (const box of work?.boxes ?? []) {
    if (isVisible(work!, box)) counts.set(box.label, (counts.get(box.label) ?? 0) + 1);
  }
  const classes = found(desk.offered, search.value);
  // Enter takes the first class that was found, Escape none; the image has the keys again.
  function press(event: KeyboardEvent) {
    if (event.key !== "Enter" && event.key !== "Escape") return;
    event.preventDefault();
    event.stopPropagation();
    const first = classes[0]?.label;
    if (event.key === "Enter" && first !== undefined) desk.chooseLabel(first);
    search.value = "";
    leave();
  }
  return (
    <section class="classes" aria-labelledby="classes">
      <div class="panel-head">
        <h2 id="classes">Classes</h2>
        <label>
          <kbd>{shownChord("search")}</kbd>
          <input
            class="search"
            type="search"
            placeholder="search"
            aria-label="Search a class"
            value={search.value}
            onInput={(event) => (search.value = event.currentTarget.value)}
            onKeyDown={press}
          />
        </label>
      </div>
      {classes.length === 0 && <p class="faint">No class has this in its name.</p>}
      <ul class="rows">
        {classes.map(({ label = 0, name }) => (
          <li key={label}>
            <button
              type="button"
              class="row"
              aria-pressed={desk.label.value === label}
              onClick={() => desk.chooseLabel(label)}
            >
              <kbd>{shownKey(label, desk.offered)}</kbd>
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
