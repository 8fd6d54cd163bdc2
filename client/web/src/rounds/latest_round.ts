import type { RoundJson } from "../../gen/loupe/v1/round_pb";
import { ApiError, call } from "../api";

export interface Latest {
  readonly round: RoundJson | null; // null: there is none
}

export async function latestRound(project: string): Promise<Latest> {
  try {
    return { round: await call("RoundService", "getRound", { project }) };
  } catch (error) {
    if (error instanceof ApiError && error.httpStatus === 404) return { round: null };
    throw error;
  }
}
