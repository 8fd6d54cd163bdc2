import type { Desk } from "./desk";
import { pressKey, shownChord } from "./keys";
import type { Hands } from "./keys";
import { currentError } from "./label_errors";
import { currentWords, mendWords } from "./label_error_words";

// Likely errors in the labels of the image, one after the other, the likeliest first.
export function ErrorPanel({ desk, hands }: { desk: Desk; hands: () => Hands }) {
  return (
    <section class="label-errors" aria-labelledby="label-errors">
      <h2 id="label-errors">Likely errors</h2>
      <p role="status">{errorStatus(desk)}</p>
      <ErrorKeys desk={desk} hands={hands} />
    </section>
  );
}

// A sentence about the one in hand; empty: the task has none.
export function errorStatus({ work: { value: work }, project }: Desk): string {
  const errors = work?.task.labelErrors ?? [];
  if (!work || errors.length === 0) return "";
  const error = currentError(work);
  if (error) return `${currentWords(work, error, project.value.classes)}.`;
  const decided = errors.length === 1 ? "It is decided" : `All ${errors.length} are decided`;
  return `${decided}: ${shownChord("submit")} submits.`;
}

// Mends and keeps, as the keys do.
export function ErrorKeys({ desk, hands }: { desk: Desk; hands: () => Hands }) {
  const { value: work } = desk.work;
  const error = work ? currentError(work) : undefined;
  const key = (name: "mend" | "keep", what: string) => (
    <button
      type="button"
      class="key"
      disabled={!error}
      onClick={({ detail }) => detail < 2 && pressKey(hands(), name)}
    >
      <kbd>{shownChord(name)}</kbd> {what}
    </button>
  );
  return (
    <>
      {key("mend", error ? mendWords[error.kind] : "mend")}
      {key("keep", "keep it")}
    </>
  );
}
