import { useSignal, useSignalEffect } from "@preact/signals";
import { useRef } from "preact/hooks";
import type { Entry, Journal } from "../annotate/journal";
import type { Outbox } from "../annotate/outbox";
import { whatOf } from "../annotate/saved";
import { annotateAddress } from "../route";
import { When } from "../dashboards/when";

interface Props {
  journal: Journal;
  outbox: Outbox;
  owner: string;
}

// What the coordinator hasn't taken yet, of all projects.
export function Unsent({ journal, outbox, owner }: Props) {
  const said = useRef<HTMLParagraphElement>(null);
  const entries = useSignal<readonly Entry[]>([]);
  const { waiting, refused, obstacle, sent } = outbox;
  useSignalEffect(() => {
    // Whenever one of them changes, the journal has changed.
    void [waiting.value, refused.value, obstacle.value, sent.value];
    void journal.entries(owner).then((all) => (entries.value = all));
  });
  const isEmpty = entries.value.length === 0;

  async function settle(way: Promise<void>) {
    said.current?.focus(); // The button that had the focus goes.
    await way;
  }

  return (
    <section aria-labelledby={isEmpty ? undefined : "unsent"}>
      {!isEmpty && <h3 id="unsent">Only in this browser</h3>}
      <p ref={said} tabIndex={-1} class={isEmpty ? "faint" : ""} role="status">
        {waiting} waiting to send · {journal.warning.value ? "not saved" : "saved"}
        {refused.value.length > 0 && ` · ${refused.value.length} not taken`}
        {waiting.value > 0 && obstacle.value && <span class="faint"> · {obstacle}</span>}
      </p>
      {journal.warning.value && (
        <p class="error" role="alert">
          {journal.warning}
        </p>
      )}
      {!isEmpty && (
        <ul class="card list">
          {entries.value.map((entry) => (
            <EntryRow
              key={entry.request.requestId}
              entry={entry}
              retry={() => settle(outbox.retry(entry))}
              discard={() => settle(outbox.discard(entry))}
            />
          ))}
        </ul>
      )}
    </section>
  );
}

interface RowProps {
  entry: Entry;
  retry: () => void;
  discard: () => void;
}

function EntryRow({ entry, retry, discard }: RowProps) {
  const { project, draft, refusal, at } = entry;
  const { fileName } = draft.task;
  return (
    <li>
      <div class="row-text">
        <span class="name">{fileName}</span>
        <span class="faint">
          {whatOf(entry)} · {project} · <When at={new Date(at).toISOString()} />
        </span>
        {refusal && (
          <span>
            <span class="error">Not taken: {refusal}</span> To change it, open it{" "}
            <a href={annotateAddress(project)}>where you label {project}</a>.
          </span>
        )}
      </div>
      {refusal && (
        <div class="ways">
          <button type="button" onClick={retry} aria-label={`Send ${fileName} again`}>
            Send again
          </button>
          <button type="button" onClick={discard} aria-label={`Discard ${fileName}`}>
            Discard
          </button>
        </div>
      )}
    </li>
  );
}
