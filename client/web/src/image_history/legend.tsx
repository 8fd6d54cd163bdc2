import { pathOf, type Look, type Mark } from "./marks";

const looks: [Look, string][] = [
  ["kept", "a box"],
  ["changed", "changed by this revision"],
  ["before", "where it was"],
  ["ignored", "to ignore"],
  ["removed", "removed"],
  ["predicted", "predicted"],
  ["rejected", "shown and rejected"],
  ["dropped", "shown and left untouched"],
  ["hidden", "hidden by a threshold"],
];
const FRAME = { x1: 2, y1: 2, x2: 20, y2: 14 };

// What the lines of these marks mean.
export function Legend({ marks }: { marks: readonly Mark[] }) {
  return (
    <ul class="looks faint">
      {looks
        .filter(([look]) => marks.some((mark) => mark.look === look))
        .map(([look, text]) => (
          <li key={look}>
            <svg viewBox="0 0 22 16" aria-hidden="true">
              <path class={`line ${look}`} d={pathOf({ corners: FRAME, look })} />
            </svg>
            {text}
          </li>
        ))}
    </ul>
  );
}
