import { Swatch, nameOf } from "./class_panel";
import type { Desk } from "./desk";
import { walkOrder } from "./pick";
import type { Box } from "./work";

const MOST_ROWS = 150; // so that a picture with thousands of boxes stays quick

// The boxes in view, in the order in which Tab walks them.
export function BoxList({ desk, reveal }: { desk: Desk; reveal: () => void }) {
  const work = desk.work.value;
  const order = work ? walkOrder(work) : [];
  const rows = order.slice(0, MOST_ROWS);
  function choose(id: number) {
    desk.dispatch({ do: "select", id });
    reveal();
  }
  return (
    <section class="boxes" aria-labelledby="boxes">
      <h2 id="boxes">Boxes ({order.length})</h2>
      {order.length === 0 && work && <p class="faint">None: Enter says that the image is clean.</p>}
      <ul class="rows">
        {rows.map((box) => (
          <li key={box.id}>
            <button
              type="button"
              class="row"
              aria-pressed={work?.selected === box.id}
              onClick={() => choose(box.id)}
            >
              <Swatch label={box.label} />
              <span class="name">{nameOf(desk.project.value.classes, box.label)}</span>
              <span class={`number ${box.state}`}>{stateOf(box)}</span>
            </button>
          </li>
        ))}
      </ul>
      {order.length > rows.length && <p class="faint">and {order.length - rows.length} more</p>}
    </section>
  );
}

export function stateOf(box: Box): string {
  if (box.state === "predicted") return `predicted ${box.prediction!.score.toFixed(2)}`;
  if (box.prediction) return "from the model";
  return box.truthId ? "from before" : "drawn";
}
