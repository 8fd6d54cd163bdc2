import { useSignal } from "@preact/signals";
import { useChange } from "../dashboards/change";

// Asks once more in place, since a cancelled round can't go on.
export function Cancel({ project, number }: { project: string; number: number }) {
  const asks = useSignal(false);
  const isSent = useSignal(false);
  const change = useChange();

  async function cancel() {
    isSent.value = await change.run(() => change.call("RoundService", "cancelRound", { project, number }));
  }

  if (!asks.value) {
    return (
      <button type="button" onClick={() => (asks.value = true)}>
        Cancel…
      </button>
    );
  }
  return (
    <span class="ways" role="group" aria-label="Cancel the round">
      <span>Cancel for good? What it trained so far is lost.</span>
      <button
        type="button"
        class="danger"
        disabled={change.isBusy || isSent.value}
        onClick={() => void cancel()}
      >
        Cancel the round
      </button>
      <button type="button" ref={(button) => button?.focus()} onClick={() => (asks.value = false)}>
        Keep it running
      </button>
      <span class="error" role="alert">
        {change.error}
      </span>
    </span>
  );
}
