// What a role may do. The coordinator decides; pages leave out what it would refuse.

import type { RoleJson } from "../gen/loupe/v1/token_pb";

export function mayLabel(role: RoleJson | undefined): boolean {
  return role === "ANNOTATOR" || mayEngineer(role);
}

export const WHO_LABELS = "Only annotators, engineers and admins label.";

export function mayEngineer(role: RoleJson | undefined): boolean {
  return role === "ENGINEER" || mayAdminister(role);
}

// Figures about models, labels and people.
export function mayRead(role: RoleJson | undefined): boolean {
  return role === "VIEWER" || mayEngineer(role);
}

export function mayAdminister(role: RoleJson | undefined): boolean {
  return role === "ADMIN";
}
