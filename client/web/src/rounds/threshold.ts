export const DEFAULT_THRESHOLD = 0.5;

// The score from which boxes count as found, as the address has it.
export function thresholdIn(query: URLSearchParams): number {
  return Number(query.get("threshold") || DEFAULT_THRESHOLD);
}
