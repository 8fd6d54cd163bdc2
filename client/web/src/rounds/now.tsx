import type { RoundJson } from "../../gen/loupe/v1/round_pb";
import { numberOf } from "../dashboards/formats";
import { counted } from "../words";
import { progressWords } from "./round_words";

// What a round does now, and how far it is.
export function Now({ round }: { round: RoundJson }) {
  const { done, total, resumedFrom } = round.progress ?? {};
  const words = progressWords(round);
  const isChecking = round.state === "checking";
  return (
    <section class="card now" aria-label="Now">
      <p>
        <strong>{round.state}</strong> <span role="status">{words}</span>
      </p>
      {isChecking && <p>The labels are searched for errors. The ranking is done, and the model serves unless it is held.</p>}
      {numberOf(total) > 0 && <progress aria-label="Done" value={numberOf(done)} max={numberOf(total)} />}
      {numberOf(resumedFrom) > 0 && (
        <p class="faint">It was taken up again from the checkpoint of iteration {resumedFrom}.</p>
      )}
      <Workers round={round} />
    </section>
  );
}

const START = "loupe-worker run --server ADDRESS --token-file FILE";

function Workers({ round: { state, waitsForWorker, workers } }: { round: RoundJson }) {
  if (state === "waiting") return <p class="faint">It begins when the rounds before it have ended.</p>;
  if (state === "ranking") return <p class="faint">The coordinator ranks the pool.</p>;
  if (numberOf(workers) === 0) {
    return (
      <p class="warn" role="alert">
        No worker was heard of in the last minute. Start one: <code>{START}</code>
      </p>
    );
  }
  const there = counted(numberOf(workers), "worker was", "workers were");
  return waitsForWorker ? (
    <p class="warn">
      It waits: {there} heard of in the last minute, and none works on it. They may have other jobs.
    </p>
  ) : (
    <p class="faint">{there} heard of in the last minute.</p>
  );
}
