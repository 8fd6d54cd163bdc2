import type { Desk } from "./desk";
import { hasTask, imagesOf } from "./places";
import { submissionOf } from "./submission";

// The keys that matter most, as buttons, and how far the project is.
export function Strip({ desk }: { desk: Desk }) {
  const work = desk.work.value;
  const dropped = work ? submissionOf(work, new Map()).dropped : 0;
  const hasPredictions = (work?.task.predictions.length ?? 0) > 0;
  const { status } = desk;
  const labelled = Number(status.value.poolLabelled ?? 0) + Number(status.value.holdoutLabelled ?? 0);
  function skipFrom(field: HTMLInputElement) {
    field.blur(); // The next image takes the keys.
    desk.skip(desk.skipReason.value);
  }
  const progress = (
    <span class="progress number">
      {labelled} of {imagesOf(status.value)} labelled
    </span>
  );
  if (!hasTask(desk)) return <footer class="strip">{progress}</footer>;
  return (
    <footer class="strip">
      {hasPredictions && (
        <>
          <KeyButton name="A" what="accept" press={() => desk.judge("accept")} />
          <KeyButton name="X" what="reject" press={() => desk.judge("reject")} />
        </>
      )}
      <span class="key">
        <kbd>Tab</kbd> next box
      </span>
      <KeyButton name="Enter" what="submit and next" press={() => desk.submit()} />
      <span class="dropped" role="status">
        {dropped > 0 && `${dropped} dropped`}
      </span>
      <KeyButton name="S" what="skip" press={() => desk.skip(desk.skipReason.value)} />
      <input
        class="reason"
        type="text"
        maxLength={500}
        placeholder="why skip (optional)"
        aria-label="Reason for skipping"
        value={desk.skipReason.value}
        onInput={(event) => (desk.skipReason.value = event.currentTarget.value)}
        onKeyDown={(event) => event.key === "Enter" && skipFrom(event.currentTarget)}
      />
      <span class="notice" role="status">
        {desk.notice}
      </span>
      {progress}
    </footer>
  );
}

function KeyButton({ name, what, press }: { name: string; what: string; press: () => void }) {
  return (
    <button type="button" class="key" onClick={press}>
      <kbd>{name}</kbd> {what}
    </button>
  );
}
