import { counted } from "../words";
import type { Desk } from "./desk";
import { nameOf } from "./class_panel";
import type { Entry } from "./journal";
import type { Outbox } from "./outbox";
import { soleBox } from "./work";

// Where the person's work is, always in the same place.
export function Saved({ desk }: { desk: Desk }) {
  const waiting = desk.outbox.waiting.value;
  const saved =
    desk.journal.slow.value > 0 ? "saving…" : desk.journal.warning.value ? "not saved" : "saved";
  const { obstacle } = desk.outbox;
  return (
    <p class="saved">
      <span class="number">{waiting}</span> waiting to send · {saved}
      {waiting > 0 && obstacle.value !== "" && <span class="faint"> · {obstacle.value}</span>}
    </p>
  );
}

// What needs the person: answers that were refused, a browser that keeps nothing. Nothing is lost. It can be
// folded, since without the panel it lies over the image.
export function Warnings({ desk }: { desk: Desk }) {
  const { warning } = desk.journal;
  const { beside, refused } = desk.outbox;
  const count = Number(warning.value !== "") + Number(beside.value.length > 0) + refused.value.length;
  return (
    <div class="warnings" role="alert">
      {count > 0 && (
        <details open>
          <summary>{counted(count, "message", "messages")}</summary>
          {warning.value && <p>{warning.value}</p>}
          {beside.value.length > 0 && <Beside outbox={desk.outbox} />}
          {refused.value.map((entry) => (
            <Refused key={entry.request.requestId} desk={desk} entry={entry} />
          ))}
        </details>
      )}
    </div>
  );
}

function Beside({ outbox }: { outbox: Outbox }) {
  return (
    <p>
      Kept beside the truth, which had changed since the image was opened:{" "}
      {outbox.beside.value.join(", ")}.{" "}
      <button type="button" onClick={() => (outbox.beside.value = [])}>
        Understood
      </button>
    </p>
  );
}

function Refused({ desk, entry }: { desk: Desk; entry: Entry }) {
  return (
    <p>
      Not taken: {entry.draft.task.fileName}, {whatOf(entry)}. {entry.refusal}{" "}
      <button type="button" onClick={() => void desk.outbox.retry(entry)}>
        Send again
      </button>{" "}
      <button type="button" onClick={() => void desk.takeBack(entry)}>
        Open
      </button>{" "}
      <button type="button" onClick={() => void desk.outbox.discard(entry)}>
        Discard
      </button>
    </p>
  );
}

export function whatOf(entry: Entry): string {
  return entry.method === "skip" ? "skipped" : counted(entry.request.boxes?.length ?? 0, "box", "boxes");
}

// On other pages: only where something waits.
export function Waiting({ outbox }: { outbox: Outbox }) {
  const { waiting, obstacle } = outbox;
  return (
    <p role="status" hidden={waiting.value === 0}>
      {waiting} waiting to send · saved. {obstacle}
    </p>
  );
}

// For screen readers: what is selected.
export function Spoken({ desk }: { desk: Desk }) {
  const work = desk.work.value;
  const box = work ? soleBox(work) : undefined;
  const score = box?.state === "predicted" ? `, predicted ${box.prediction!.score.toFixed(2)}` : "";
  return (
    <p class="spoken" role="status">
      {work && work.selected.length > 1 && `${work.selected.length} boxes`}
      {box && `${nameOf(desk.project.value.classes, box.label)}${score}`}
    </p>
  );
}
