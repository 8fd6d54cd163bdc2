import { useSignal } from "@preact/signals";
import type { ReviewerPauseJson } from "../../gen/loupe/v1/insight_pb";
import { useChange } from "../dashboards/change";
import { Said } from "../dashboards/said";
import { When } from "../dashboards/when";

interface Props {
  project: string;
  reviewer: string;
  pause: ReviewerPauseJson | undefined;
  reload: () => Promise<void>;
}

// Gives a person no more tasks, or tasks again.
export function Pausing({ project, reviewer, pause, reload }: Props) {
  const reason = useSignal("");
  const change = useChange();
  function hold(event: Event) {
    event.preventDefault();
    void change.run(async () => {
      const request = { project, reviewer, reason: reason.value.trim() };
      await change.call("LabelingService", "pauseReviewer", request);
      await reload();
      reason.value = "";
    });
  }
  function resume() {
    void change.run(async () => {
      await change.call("LabelingService", "resumeReviewer", { project, reviewer });
      await reload();
    });
  }
  return (
    <div class="pausing">
      {pause ? (
        <>
          <p>
            Paused since <When at={pause.pausedAt} /> by {pause.pausedBy || "an alarm"}: “{pause.reason}”
          </p>
          <button type="button" disabled={change.isBusy} onClick={resume}>
            Give tasks again
          </button>
        </>
      ) : (
        <form class="line" onSubmit={hold}>
          <label>
            Pause, and say why
            <input
              maxLength={1000}
              required
              value={reason.value}
              onInput={(event) => (reason.value = event.currentTarget.value)}
            />
          </label>
          <button type="submit" disabled={change.isBusy || reason.value.trim() === ""}>
            Pause
          </button>
        </form>
      )}
      <Said change={change} />
    </div>
  );
}
