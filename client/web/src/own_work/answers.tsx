import { useRef } from "preact/hooks";
import type { AnswerJson } from "../../gen/loupe/v1/labeling_pb";
import { hexOf, thumbnailAddress } from "../annotate/task";
import { annotateAddress } from "../route";
import { When } from "../dashboards/when";
import { counted, durationOf } from "../words";
import type { Reader, Shown } from "./reader";
import { standingOf } from "./standing";

// The person's last answers, to look at and to correct.
export function Answers({ project, reader, shown }: { project: string; reader: Reader; shown: Shown }) {
  const list = useRef<HTMLUListElement>(null);
  const { answers, nextPageToken, status } = shown;
  const { low = 0, high = 65535 } = status.project?.intensityRange ?? {};

  // Who goes by the keyboard goes on at the first of those that came.
  async function more() {
    const count = answers.length;
    await reader.more();
    (list.current?.children[count] as HTMLElement | undefined)?.focus({ preventScroll: true });
  }

  return (
    <section class="answers" aria-labelledby="answers">
      <h3 id="answers">Your last answers</h3>
      {answers.length === 0 && <p class="faint">Answers are listed here, to be opened again.</p>}
      {answers.length > 0 && (
        <ul ref={list} class="card list">
          {answers.map((answer) => (
            <AnswerRow key={answer.image?.id} project={project} answer={answer} range={{ low, high }} />
          ))}
        </ul>
      )}
      <p class="error" role="alert">
        {reader.moreError}
      </p>
      {nextPageToken && (
        <button type="button" onClick={() => void more()}>
          {reader.isReadingMore.value ? "Loading…" : "More"}
        </button>
      )}
    </section>
  );
}

interface RowProps {
  project: string;
  answer: AnswerJson;
  range: { low: number; high: number };
}

function AnswerRow({ project, answer, range }: RowProps) {
  const { image = {}, boxes = 0, spentMs = 0, note, flags = [] } = answer;
  const thumbnail = thumbnailAddress(hexOf(image.sha256 ?? ""), image.mediaType ?? "", range);
  const standing = standingOf(answer);
  return (
    <li tabIndex={-1}>
      <img class="thumbnail" src={thumbnail} alt="" width={96} height={72} loading="lazy" />
      <div class="row-text">
        <span class="name">{image.fileName}</span>
        <span class="faint">
          <When at={answer.createdAt} /> · {counted(boxes, "box", "boxes")}
          {spentMs > 0 && ` · ${durationOf(spentMs)}`}
        </span>
        {standing && <span>{standing}</span>}
        {note && <span class="note">Note: {note}</span>}
        {flags.length > 0 && <span class="faint">Flags: {flags.join(", ")}</span>}
      </div>
      {answer.canBeOpened && (
        <a
          class="button"
          href={annotateAddress(project, image.id)}
          aria-label={`Open ${image.fileName} again`}
        >
          Open again
        </a>
      )}
    </li>
  );
}
