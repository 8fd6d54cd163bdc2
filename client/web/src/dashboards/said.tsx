import type { Change } from "./change";

// What became of a change.
export function Said({ change }: { change: Change }) {
  return (
    <>
      <p class="error lines" role="alert">
        {change.error}
      </p>
      <p class="faint said" role="status">
        {change.done}
      </p>
    </>
  );
}
