import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";

// Markdown that people wrote; as they wrote it until the script that shows it is there.
export function MarkdownText({ text }: { text: string }) {
  const html = useSignal<string | null>(null);
  useEffect(() => {
    let isOver = false;
    import("./markdown").then(
      ({ htmlOf }) => isOver || (html.value = htmlOf(text)),
      () => (html.value = null),
    );
    return () => void (isOver = true);
  }, [text]);
  if (html.value === null) return <p class="text">{text}</p>;
  return <div class="text markdown" dangerouslySetInnerHTML={{ __html: html.value }} />;
}
