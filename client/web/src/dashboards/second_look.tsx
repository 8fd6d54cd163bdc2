import { useSignal } from "@preact/signals";
import { useChange } from "./change";

interface Props {
  project: string; // name
  imageId: string;
  isAsked?: boolean; // already
  told: string; // once it is asked
}

// Nobody corrects a holdout image who has seen what a model makes of it: somebody else looks at it, blind.
export function SecondLook({ project, imageId, isAsked = false, told }: Props) {
  const wasAsked = useSignal(isAsked);
  const change = useChange();

  async function ask() {
    const request = { project, imageIds: [imageId] };
    const { problems = [] } = await change.call("LabelingService", "requestReviews", request);
    const refused = problems.find(({ reason }) => reason !== "ALREADY_ASKED");
    if (refused) throw new Error(refused.message);
    wasAsked.value = true;
  }

  if (wasAsked.value) return <span role="status">{told}</span>;
  return (
    <>
      <button type="button" disabled={change.isBusy} onClick={() => void change.run(ask)}>
        Ask for a second look
      </button>
      <span class="error" role="alert">
        {change.error}
      </span>
    </>
  );
}
