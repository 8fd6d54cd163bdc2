import { useSignal } from "@preact/signals";
import { call } from "../api";
import { newRequestId } from "../annotate/request_id";
import { guarded } from "../session";

// Asks once more in place, since a cancelled round can't go on.
export function Cancel({ project, number }: { project: string; number: number }) {
  const asks = useSignal(false);
  const isSent = useSignal(false);
  const problem = useSignal("");

  async function cancel() {
    isSent.value = true;
    problem.value = "";
    try {
      await guarded(call("RoundService", "cancelRound", { requestId: newRequestId(), project, number }));
    } catch (error) {
      problem.value = (error as Error).message;
      isSent.value = false;
    }
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
      <button type="button" class="danger" disabled={isSent.value} onClick={() => void cancel()}>
        Cancel the round
      </button>
      <button type="button" ref={(button) => button?.focus()} onClick={() => (asks.value = false)}>
        Keep it running
      </button>
      {problem.value && (
        <span class="error" role="alert">
          {problem.value}
        </span>
      )}
    </span>
  );
}
