import type { ComponentChildren } from "preact";
import type { RoleJson } from "../gen/loupe/v1/token_pb";

interface Props {
  role: RoleJson | undefined;
  needs: RoleJson; // the role that may least of those that would do
  children: ComponentChildren; // who may, in a sentence
}

// In place of a page that another role may use.
export function NotAllowed(props: Props) {
  return (
    <main class="narrow">
      <NotForRole {...props} />
      <a href="#">All projects</a>
    </main>
  );
}

// The same in place of a part.
export function NotForRole({ role, needs, children }: Props) {
  return (
    <p role="alert">
      {children} Your token has the role {role?.toLowerCase()}. Ask an admin for one with the role{" "}
      {needs.toLowerCase()}.
    </p>
  );
}
