import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { call } from "../api";
import { MarkdownText } from "../markdown_text";
import { guarded } from "../session";

// How people are to label in this project. What shows it is loaded when somebody opens it.
export function Guidelines({ project, version }: { project: string; version: number }) {
  const text = useSignal("");
  const error = useSignal("");
  const isOpen = useSignal(false);
  useEffect(() => {
    guarded(call("ProjectService", "getGuidelines", { project, version })).then(
      (guidelines) => (text.value = guidelines.content ?? ""),
      (refusal: Error) => (error.value = refusal.message),
    );
  }, [project, version]);
  return (
    <details class="guidelines" onToggle={(event) => (isOpen.value = event.currentTarget.open)}>
      <summary>Guidelines</summary>
      {error.value && <p class="error">{error}</p>}
      {!error.value && isOpen.value && <MarkdownText text={text.value} />}
    </details>
  );
}
