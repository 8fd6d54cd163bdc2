// What a role may do. The coordinator decides; pages leave out what it would refuse.

import type { RoleJson } from "../gen/loupe/v1/token_pb";

export function mayLabel(role: RoleJson | undefined): boolean {
  return role === "ANNOTATOR" || mayEngineer(role);
}

export function mayEngineer(role: RoleJson | undefined): boolean {
  return role === "ENGINEER" || role === "ADMIN";
}
