import { useIsAway } from "./away";
import { ErrorKeys, errorStatus } from "./error_panel";
import { ClassChoice } from "./class_choice";
import type { Desk } from "./desk";
import { hasTask } from "./places";
import { pressKey, shownChord } from "./keys";
import type { Hands } from "./keys";
import { droppedOf } from "./submission";
import { copiesOf } from "./work";

const AWAY = "Tab walks the page. Press Escape or click the picture to go back.";

interface Props {
  desk: Desk;
  hands: () => Hands;
}

// The keys that matter most, as buttons. They stay where they are, so that a second click hits no other one.
export function Strip({ desk, hands, isPanelOpen }: Props & { isPanelOpen: boolean }) {
  const isAway = useIsAway();
  const work = desk.work.value;
  const dropped = work ? droppedOf(work) : 0;
  const hasPredictions = (work?.task.predictions.length ?? 0) > 0;
  const { value: copyable } = desk.copyable;
  function skipFrom(field: HTMLInputElement) {
    field.blur(); // The next image takes the keys.
    desk.skip(desk.skipReason.value);
  }
  if (!hasTask(desk)) {
    return (
      <footer class="strip">
        <LastImage desk={desk} />
        <Notice text={desk.notice.value} />
      </footer>
    );
  }
  const key = keysOf(hands);
  // An open panel says it.
  const likely = isPanelOpen ? "" : errorStatus(desk);
  const copyWhat = `copy ${copyable.length} of the last image`;
  return (
    <footer class="strip">
      {key("accept", "accept", !hasPredictions)}
      {key("reject", "reject", !hasPredictions)}
      {key("next", "next box", work?.boxes.length === 0)}
      {key("acceptAll", "accept all", dropped === 0)}
      {key("submit", "submit and next")}
      <span class="dropped" role="status">
        {dropped > 0 && (
          <>
            {dropped} dropped <span class="faint">if sent now</span>
          </>
        )}
      </span>
      {key("skip", "skip")}
      <input
        class="reason"
        type="text"
        maxLength={500}
        placeholder="reason"
        aria-label="Reason for skipping"
        value={desk.skipReason.value}
        onInput={(event) => (desk.skipReason.value = event.currentTarget.value)}
        onKeyDown={(event) => event.key === "Enter" && skipFrom(event.currentTarget)}
      />
      {work && copyable.length > 0 && key("copy", copyWhat, copiesOf(work, copyable).length === 0)}
      {likely && <ErrorKeys desk={desk} hands={hands} />}
      <Notice text={desk.notice.value || (isAway.value ? AWAY : likely)} />
    </footer>
  );
}

function Notice({ text }: { text: string }) {
  return (
    <span class="notice" role="status">
      {text}
    </span>
  );
}

// What else a pointer needs, on screens without a keyboard above all.
export function Tools({ desk, hands, leave }: Props & { leave: () => void }) {
  const work = desk.work.value;
  const key = keysOf(hands);
  return (
    <span class="tools">
      <ClassChoice desk={desk} leave={leave} />
      {key("draw", "draw", !work)}
      {key("undo", "undo", !work?.past)}
      {key("delete", "delete", !work?.selected.length)}
      <span class="phone-only">{key("fit", "whole image", !work)}</span>
      <LastImage desk={desk} />
    </span>
  );
}

function LastImage({ desk }: { desk: Desk }) {
  return <KeyButton name="back" what="last answer" isOff={false} press={() => void desk.reopenLast()} />;
}

// Makes buttons that do what their keys do.
function keysOf(hands: () => Hands) {
  return (name: string, what: string, isOff = false) => (
    <KeyButton name={name} what={what} isOff={isOff} press={() => pressKey(hands(), name)} />
  );
}

interface KeyButtonProps {
  name: string;
  what: string;
  isOff: boolean;
  press: () => void;
}

function KeyButton({ name, what, isOff, press }: KeyButtonProps) {
  // The second click of a double click means what was there before the first one.
  return (
    <button type="button" class="key" disabled={isOff} onClick={({ detail }) => detail < 2 && press()}>
      <kbd>{shownChord(name)}</kbd> {what}
    </button>
  );
}
