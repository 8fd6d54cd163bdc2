import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { call } from "../api";
import { guarded } from "../session";

// How people are to label in this project: shown as it was written, since it is anybody's text.
export function Guidelines({ project, version }: { project: string; version: number }) {
  const text = useSignal("");
  const error = useSignal("");
  useEffect(() => {
    guarded(call("ProjectService", "getGuidelines", { project, version })).then(
      (guidelines) => (text.value = guidelines.content ?? ""),
      (refusal: Error) => (error.value = refusal.message),
    );
  }, [project, version]);
  return (
    <details class="guidelines">
      <summary>Guidelines</summary>
      {error.value ? <p class="error">{error}</p> : <p class="text">{text}</p>}
    </details>
  );
}
