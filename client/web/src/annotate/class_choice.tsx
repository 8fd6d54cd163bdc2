import { nameOf } from "./class_panel";
import type { Desk } from "./desk";
import { chosenLabel } from "./work";

// The classes as a list to choose from, for narrow screens, where the panel would take the image's room.
export function ClassChoice({ desk, leave }: { desk: Desk; leave: () => void }) {
  const shown = chosenLabel(desk.work.value, desk.label.value);
  const { offered } = desk;
  function choose(list: HTMLSelectElement) {
    desk.chooseLabel(Number(list.value));
    // The image has the keys again. Who goes by the keyboard stays where they are.
    if (!list.matches(":focus-visible")) leave();
  }
  return (
    <span class="class-choice">
      <label for="class-choice">Class</label>
      <select id="class-choice" value={shown} onChange={(event) => choose(event.currentTarget)}>
        {!offered.some(({ label }) => label === shown) && (
          <option value={shown} disabled>
            {shown === 0 ? "several" : nameOf(desk.project.value.classes, shown)}
          </option>
        )}
        {offered.map(({ label, name }) => (
          <option key={label} value={label}>
            {name}
          </option>
        ))}
      </select>
    </span>
  );
}
