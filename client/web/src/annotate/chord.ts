// What a person presses, as text.

// `Ctrl+Shift+Z`, `?`, `ArrowLeft`. Letters are those of a Latin keyboard also where another one is set.
export function chordOf(
  event: Pick<KeyboardEvent, "key" | "code" | "ctrlKey" | "metaKey" | "shiftKey" | "altKey">,
): string {
  let { key } = event;
  if (/^Key[A-Z]$/.test(event.code) && !/^[a-z]$/i.test(key)) key = event.code.slice(3);
  if (key === " ") key = "Space";
  if (key.length === 1) key = key.toUpperCase();
  const isSign = key.length === 1 && !/[A-Z]/.test(key); // Shift is a part of it
  const shift = event.shiftKey && !isSign ? "Shift+" : "";
  return (event.ctrlKey || event.metaKey ? "Ctrl+" : "") + (event.altKey ? "Alt+" : "") + shift + key;
}
