import { useSignal } from "@preact/signals";
import type { ImageJson } from "../../gen/loupe/v1/annotation_pb";
import { newRequestId } from "../annotate/request_id";
import { call } from "../api";
import { annotateAddress } from "../route";
import { guarded } from "../session";

interface Props {
  project: string; // name
  image: ImageJson;
  load: () => Promise<void>; // reads the image again
}

// What an engineer can do with the image.
export function Actions({ project, image, load }: Props) {
  const isAsking = useSignal(false);
  const reason = useSignal("");
  const error = useSignal("");
  const isBusy = useSignal(false);
  const isUsable = image.state === "USABLE";
  const isPool = image.side === "POOL";

  async function change(method: "excludeImage" | "restoreImage") {
    error.value = "";
    isBusy.value = true;
    const named = { requestId: newRequestId(), project, imageId: image.id };
    try {
      await guarded(
        method === "excludeImage"
          ? call("ImageService", method, { ...named, reason: reason.value.trim() })
          : call("ImageService", method, named),
      );
      isAsking.value = false;
      reason.value = "";
      await load();
    } catch (refusal) {
      error.value = (refusal as Error).message;
    }
    isBusy.value = false;
  }

  return (
    <>
      {isUsable && isPool && image.labelled && (
        <a class="button primary" href={annotateAddress(project, image.id)}>
          Correct it
        </a>
      )}
      {isUsable && image.labelled && <SecondLook project={project} imageId={image.id ?? ""} />}
      {isUsable && !isAsking.value && (
        <button type="button" onClick={() => (isAsking.value = true)}>
          Exclude…
        </button>
      )}
      {(image.state === "EXCLUDED" || image.state === "SET_ASIDE") && (
        <button type="button" disabled={isBusy.value} onClick={() => void change("restoreImage")}>
          Take it back into use
        </button>
      )}
      {isAsking.value && (
        <form
          class="exclude"
          onSubmit={(event) => {
            event.preventDefault();
            void change("excludeImage");
          }}
        >
          <label>
            Why?{" "}
            <input
              ref={(input) => input?.focus()}
              value={reason.value}
              maxLength={1000}
              required
              onInput={(event) => (reason.value = event.currentTarget.value)}
            />
          </label>
          <button type="submit" class="primary" disabled={isBusy.value || reason.value.trim() === ""}>
            Exclude
          </button>
          <button type="button" onClick={() => (isAsking.value = false)}>
            Cancel
          </button>
          <span class="faint">Left out from now on; its labels are kept, and it can be taken back.</span>
        </form>
      )}
      <span class="error" role="alert">
        {error}
      </span>
    </>
  );
}

// A holdout image isn't corrected from here, where predictions are shown: somebody else looks at it, blind.
function SecondLook({ project, imageId }: { project: string; imageId: string }) {
  const told = useSignal("");
  const isBusy = useSignal(false);

  async function ask() {
    isBusy.value = true;
    const request = { requestId: newRequestId(), project, imageIds: [imageId] };
    try {
      const { problems = [] } = await guarded(call("LabelingService", "requestReviews", request));
      told.value = problems[0]?.message ?? "Somebody else will look at it.";
    } catch (refusal) {
      told.value = (refusal as Error).message;
    }
    isBusy.value = false;
  }

  if (told.value) return <span role="status">{told}</span>;
  return (
    <button type="button" disabled={isBusy.value} onClick={() => void ask()}>
      Ask for a second look
    </button>
  );
}
