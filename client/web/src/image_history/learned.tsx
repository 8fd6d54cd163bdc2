import type { ImageProvenanceJson } from "../../gen/loupe/v1/provenance_pb";
import { pageAddress } from "../route";

// The rounds that trained on the image.
export function Learned({ project, history }: { project: string; history: ImageProvenanceJson }) {
  const { trainedInRounds = [], pseudoLabelledInRounds = [] } = history;
  return (
    <section class="part" aria-label="What learned from it">
      <h3>What learned from it</h3>
      {trainedInRounds.length === 0 && pseudoLabelledInRounds.length === 0 && (
        <p class="faint">No round has trained on this image.</p>
      )}
      {trainedInRounds.length > 0 && (
        <p>
          People's labels of it trained <Rounds project={project} rounds={trainedInRounds} />.
        </p>
      )}
      {pseudoLabelledInRounds.length > 0 && (
        <p>
          As a pseudo-label, before a person had labelled it, it trained{" "}
          <Rounds project={project} rounds={pseudoLabelledInRounds} />.
        </p>
      )}
    </section>
  );
}

function Rounds({ project, rounds }: { project: string; rounds: readonly number[] }) {
  return (
    <>
      {rounds.map((round, i) => (
        <>
          {i > 0 && ", "}
          <a href={pageAddress("round", project, round)}>round {round}</a>
        </>
      ))}
    </>
  );
}
