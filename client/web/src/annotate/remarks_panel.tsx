import { useSignal } from "@preact/signals";
import { useMemo } from "preact/hooks";
import type { Desk } from "./desk";
import { shownChord } from "./keys";

// As the coordinator takes them.
const LONGEST_NOTE = 2000;
const LONGEST_FLAG = 50;
const MOST_FLAGS = 20;

// What is kept with the answer beside its boxes: a note, and flags, which others can search for.
export function RemarksPanel({ desk }: { desk: Desk }) {
  const flag = useSignal("");
  const work = desk.work.value;
  // To begin with: whoever empties the note goes on writing.
  const isOpen = useMemo(() => !!work && (work.remarks.note !== "" || work.remarks.flags.length > 0), []);
  if (!work) return null;
  const { note, flags } = work.remarks;
  function add(event: KeyboardEvent) {
    if (event.key !== "Enter") return;
    event.preventDefault();
    const text = flag.value.trim();
    if (text !== "" && !flags.includes(text)) desk.flag([...flags, text]);
    flag.value = "";
  }
  return (
    <details class="remarks" open={isOpen}>
      <summary>
        <kbd>{shownChord("note")}</kbd> Note and flags
      </summary>
      <textarea
        class="note"
        rows={3}
        maxLength={LONGEST_NOTE}
        placeholder="what is to be known of the image"
        aria-label="Note"
        value={note}
        onInput={(event) => desk.remark({ note: event.currentTarget.value })}
      />
      <ul class="flags" aria-label="Flags">
        {flags.map((each) => (
          <li key={each}>
            {each}{" "}
            <button
              type="button"
              class="small"
              aria-label={`Remove the flag ${each}`}
              onClick={() => desk.flag(flags.filter((other) => other !== each))}
            >
              ×
            </button>
          </li>
        ))}
      </ul>
      {flags.length < MOST_FLAGS && (
        <>
          <input
            class="flag"
            type="text"
            list="used-flags"
            maxLength={LONGEST_FLAG}
            placeholder="flag, e.g. unclear"
            aria-label="Add a flag"
            value={flag.value}
            onInput={(event) => (flag.value = event.currentTarget.value)}
            onKeyDown={add}
          />
          <datalist id="used-flags">
            {desk.usedFlags.value
              .filter((each) => !flags.includes(each))
              .map((each) => (
                <option key={each} value={each} />
              ))}
          </datalist>
        </>
      )}
    </details>
  );
}
