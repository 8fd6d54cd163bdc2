import type { Desk } from "./desk";
import { hasTask } from "./places";
import { shownChord } from "./keys";
import { step } from "./pick";
import { submissionOf } from "./submission";

// The keys that matter most, as buttons.
export function Strip({ desk }: { desk: Desk }) {
  const work = desk.work.value;
  const dropped = work ? submissionOf(work, new Map()).dropped : 0;
  const hasPredictions = (work?.task.predictions.length ?? 0) > 0;
  const copyable = desk.copyable.value.length;
  function skipFrom(field: HTMLInputElement) {
    field.blur(); // The next image takes the keys.
    desk.skip(desk.skipReason.value);
  }
  const notice = (
    <span class="notice" role="status">
      {desk.notice}
    </span>
  );
  if (!hasTask(desk)) return <footer class="strip">{notice}</footer>;
  return (
    <footer class="strip">
      {hasPredictions && (
        <>
          <KeyButton name="accept" what="accept" press={() => desk.judge("accept")} />
          <KeyButton name="reject" what="reject" press={() => desk.judge("reject")} />
        </>
      )}
      <KeyButton
        name="next"
        what="next box"
        press={() => work && desk.dispatch({ do: "select", ids: [step(work, 1)] })}
      />
      {dropped > 0 && (
        <KeyButton
          name="acceptAll"
          what={`accept all ${dropped}`}
          press={() => desk.dispatch({ do: "acceptAll" })}
        />
      )}
      {copyable > 0 && (
        <KeyButton name="copy" what={`copy ${copyable} of the last image`} press={() => desk.copyBoxes()} />
      )}
      <KeyButton name="submit" what="submit and next" press={() => desk.submit()} />
      <span class="dropped" role="status">
        {dropped > 0 && `${dropped} dropped`}
      </span>
      <KeyButton name="skip" what="skip" press={() => desk.skip(desk.skipReason.value)} />
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
      {notice}
    </footer>
  );
}

function KeyButton({ name, what, press }: { name: string; what: string; press: () => void }) {
  return (
    <button type="button" class="key" onClick={press}>
      <kbd>{shownChord(name)}</kbd> {what}
    </button>
  );
}
