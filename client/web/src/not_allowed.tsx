import type { ComponentChildren } from "preact";
import type { RoleJson } from "../gen/loupe/v1/token_pb";

interface Props {
  role: RoleJson | undefined;
  children: ComponentChildren; // who may, in a sentence
}

// In place of a page that another role may use.
export function NotAllowed({ role, children }: Props) {
  return (
    <main class="narrow">
      <NotForRole role={role}>{children}</NotForRole>
      <a href="#">All projects</a>
    </main>
  );
}

// The same in place of a part.
export function NotForRole({ role, children }: Props) {
  return (
    <p role="alert">
      {children} Your token has the role {role?.toLowerCase()}: ask an admin for another one.
    </p>
  );
}
