// The magnifier beside the name.
export function Mark() {
  return (
    <svg class="mark" viewBox="0 0 32 32" aria-hidden="true">
      <circle cx="13.5" cy="13.5" r="9.5" />
      <path d="M21 21l7.5 7.5" />
    </svg>
  );
}
