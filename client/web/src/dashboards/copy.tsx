import { useSignal } from "@preact/signals";
import { useRef } from "preact/hooks";

// A line of text to be copied.
export function Copy({ text, name }: { text: string; name: string }) {
  const said = useSignal("");
  const field = useRef<HTMLInputElement>(null);
  async function copy() {
    try {
      await navigator.clipboard.writeText(text);
      said.value = "Copied.";
    } catch {
      field.current?.select();
      said.value = "Press Ctrl+C to copy it.";
    }
  }
  return (
    <div class="line">
      <input
        ref={field}
        readOnly
        value={text}
        aria-label={name}
        onFocus={(event) => event.currentTarget.select()}
      />
      <button type="button" aria-label={`Copy the ${name}`} onClick={copy}>
        Copy
      </button>
      <span class="faint" role="status">
        {said}
      </span>
    </div>
  );
}
