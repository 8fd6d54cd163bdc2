import { Swatch, nameOf } from "./class_panel";
import type { Desk } from "./desk";
import { selectAll } from "./keys";
import { toggled, walkOrder } from "./pick";
import type { Box } from "./work";

const MOST_ROWS = 150; // so that a picture with thousands of boxes stays quick

// The boxes in view, predicted ones that are left first.
export function BoxList({ desk, reveal }: { desk: Desk; reveal: () => void }) {
  const work = desk.work.value;
  const order = work ? walkOrder(work) : [];
  const rows = order.slice(0, MOST_ROWS);
  function choose(id: number, { shiftKey, ctrlKey, metaKey }: MouseEvent) {
    const isMore = shiftKey || ctrlKey || metaKey;
    desk.dispatch({ do: "select", ids: isMore ? toggled(work!, id) : [id] });
    reveal();
  }
  return (
    <section class="boxes" aria-labelledby="boxes">
      <div class="panel-head">
        <h2 id="boxes">Boxes ({order.length})</h2>
        {order.length > 1 && (
          <button type="button" class="small" onClick={() => selectAll(desk)}>
            Select all
          </button>
        )}
      </div>
      {order.length === 0 && work && <p class="faint">None: Enter says that the image is clean.</p>}
      <ul class="rows">
        {rows.map((box) => (
          <li key={box.id}>
            <button
              type="button"
              class="row"
              aria-pressed={work!.selected.includes(box.id)}
              onClick={(event) => choose(box.id, event)}
            >
              <Swatch label={box.label} />
              <span class="name">{nameOf(desk.project.value.classes, box.label)}</span>
              <span
                class={`number ${box.state}`}
                title={box.state === "predicted" ? "predicted, with this score" : undefined}
              >
                {stateOf(box)}
              </span>
            </button>
          </li>
        ))}
      </ul>
      {order.length > rows.length && <p class="faint">and {order.length - rows.length} more</p>}
    </section>
  );
}

export function stateOf(box: Box): string {
  if (box.state === "predicted") return box.prediction!.score.toFixed(2);
  if (box.atOnce) return "accepted at once";
  if (box.prediction) return "from the model";
  if (box.copied) return "copied";
  return box.truthId ? "from before" : "drawn";
}
