import type { RoleJson } from "../gen/loupe/v1/token_pb";

// In place of a page for people who label.
export function NotAllowed({ role }: { role: RoleJson | undefined }) {
  return (
    <main class="narrow">
      <p>
        Your token is one of a {role?.toLowerCase()}, which can't label. Ask an admin for one with the role
        annotator.
      </p>
      <a href="#">All projects</a>
    </main>
  );
}
