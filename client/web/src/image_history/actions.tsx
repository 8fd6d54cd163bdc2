import { useSignal } from "@preact/signals";
import type { ImageJson } from "../../gen/loupe/v1/annotation_pb";
import { useChange } from "../dashboards/change";
import { SecondLook } from "../dashboards/second_look";
import { annotateAddress } from "../route";

interface Props {
  project: string; // name
  image: ImageJson;
  load: () => Promise<void>; // reads the image again
}

// What an engineer can do with the image.
export function Actions({ project, image, load }: Props) {
  const isAsking = useSignal(false);
  const reason = useSignal("");
  const change = useChange();
  const isUsable = image.state === "USABLE";
  const isPool = image.side === "POOL";
  const named = { project, imageId: image.id };

  // Runs a change of the image, then shows what became of it.
  const save = (work: () => Promise<unknown>) =>
    change.run(async () => {
      await work();
      isAsking.value = false;
      reason.value = "";
      await load();
    });
  const exclude = () =>
    save(() => change.call("ImageService", "excludeImage", { ...named, reason: reason.value.trim() }));
  const restore = () => save(() => change.call("ImageService", "restoreImage", named));

  return (
    <>
      {isUsable && isPool && image.labelled && (
        <a class="button primary" href={annotateAddress(project, image.id)}>
          Correct it
        </a>
      )}
      {isUsable && image.labelled && (
        <SecondLook project={project} imageId={image.id ?? ""} told="Somebody else will look at it." />
      )}
      {isUsable && !isAsking.value && (
        <button type="button" onClick={() => (isAsking.value = true)}>
          Exclude…
        </button>
      )}
      {(image.state === "EXCLUDED" || image.state === "SET_ASIDE") && (
        <button type="button" disabled={change.isBusy} onClick={() => void restore()}>
          Take it back into use
        </button>
      )}
      {isAsking.value && (
        <form
          class="exclude"
          onSubmit={(event) => {
            event.preventDefault();
            void exclude();
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
          <button type="submit" class="primary" disabled={change.isBusy || reason.value.trim() === ""}>
            Exclude
          </button>
          <button type="button" onClick={() => (isAsking.value = false)}>
            Cancel
          </button>
          <span class="faint">Left out from now on; its labels are kept, and it can be taken back.</span>
        </form>
      )}
      <span class="error" role="alert">
        {change.error}
      </span>
    </>
  );
}
