// Whom images can be given to, as suggestions.

import type { RoleJson } from "../../gen/loupe/v1/token_pb";
import { call } from "../api";
import { stateOf } from "../people/people";
import { mayAdminister, mayLabel } from "../role";

const MOST_PEOPLE = 1000;

// All who may label, as far as the caller may know: only admins may list people. Others get the names of
// those who have labelled in the project.
export async function peopleFor(project: string, role: RoleJson | undefined): Promise<string[]> {
  if (!mayAdminister(role)) {
    const { reviewers = [] } = await call("ProvenanceService", "getLabelStats", { project, period: "WEEK" });
    return reviewers.map(({ reviewer = "" }) => reviewer);
  }
  const { tokens = [] } = await call("TokenService", "listTokens", { pageSize: MOST_PEOPLE });
  const now = Date.now();
  return tokens
    .filter((token) => mayLabel(token.role) && stateOf(token, now) === "")
    .map(({ name = "" }) => name);
}
