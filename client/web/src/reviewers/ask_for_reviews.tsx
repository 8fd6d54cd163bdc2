import { useSignal } from "@preact/signals";
import { useChange } from "../dashboards/change";
import { counted } from "../words";
import { askedWords } from "./words";

interface Props {
  project: string; // name
  round: number; // that found the errors
  imageIds: readonly string[]; // those on the page that nobody is asked about
  told: (imageIds: readonly string[]) => void;
}

// Asks people other than the authors of these labels for a review.
export function AskForReviews({ project, round, imageIds, told }: Props) {
  const change = useChange();
  const said = useSignal("");
  async function ask() {
    const reason = `Likely errors in the labels, which round ${round} found.`;
    const request = { project, imageIds: [...imageIds], reason };
    const answer = await change.call("LabelingService", "requestReviews", request);
    const asked = (answer.problems ?? []).filter(({ reason }) => reason === "ALREADY_ASKED");
    told([...(answer.imageIds ?? []), ...asked.map(({ imageId = "" }) => imageId)]);
    said.value = askedWords(answer);
  }
  return (
    <div class="asking">
      {imageIds.length > 0 && (
        <button type="button" disabled={change.isBusy} onClick={() => void change.run(ask)}>
          Ask for reviews of {counted(imageIds.length, "image", "images")} on this page
        </button>
      )}
      <p class="error" role="alert">
        {change.error}
      </p>
      <p role="status">{said}</p>
    </div>
  );
}
