// In place of a page that another role may use.
export function OnlyFor({ whom, what }: { whom: string; what: string }) {
  return (
    <main class="narrow">
      <p role="alert">
        Only {whom} {what}: ask one of them.
      </p>
      <a href="#">All projects</a>
    </main>
  );
}
