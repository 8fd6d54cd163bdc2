import { useEffect, useRef } from "preact/hooks";
import { When } from "../dashboards/when";
import { summaryOf, type Change, type Step } from "./changes";

interface Props {
  steps: readonly Step[];
  changes: readonly (readonly Change[])[];
  place: number;
  walkTo: (place: number) => void;
}

// The revisions, oldest first.
export function Timeline({ steps, changes, place, walkTo }: Props) {
  const list = useRef<HTMLOListElement>(null);
  useEffect(() => {
    const current = list.current!.children[place] as HTMLElement | undefined;
    // Not scrollIntoView: it would scroll the page, too.
    if (current)
      list.current!.scrollLeft = current.offsetLeft - (list.current!.clientWidth - current.offsetWidth) / 2;
  }, [place, steps]);
  return (
    <ol class="timeline" ref={list} aria-label="Revisions">
      {steps.map((step, i) => (
        <li key={step.revision.number}>
          <button type="button" aria-current={i === place ? "step" : undefined} onClick={() => walkTo(i)}>
            <span class="name">
              {step.revision.number} · {step.revision.author}
            </span>
            <When at={step.revision.createdAt} />
            <span>{summaryOf(changes[i]!) || "nothing changed"}</span>
            <span class="marks">{marksOf(step).join(" · ")}</span>
          </button>
        </li>
      ))}
    </ol>
  );
}

// Short words for what it is.
function marksOf({ revision, isTruthNow, isWithdrawn }: Step): string[] {
  const words = [
    isTruthNow && "truth now",
    isWithdrawn && "taken back",
    revision.standing === "STANDING_WITHDRAWN" && "withdrawal",
    revision.standing === "STANDING_RESTORED" && "given back",
    revision.source === "import" && "import",
    revision.blind && "blind",
    revision.late && "late",
    (revision.flags?.length ?? 0) > 0 && "flagged",
    revision.note && "note",
  ];
  return words.filter((word): word is string => typeof word === "string" && word !== "");
}
