export const DEFAULT_THRESHOLD = 0.5;

// The score from which boxes count as found, as the address has it.
export function thresholdIn(query: URLSearchParams): number {
  const text = query.get("threshold");
  const value = Number(text);
  return text !== null && value >= 0.01 && value <= 1 ? value : DEFAULT_THRESHOLD;
}
