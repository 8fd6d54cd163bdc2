import { momentOf } from "./words";

// A moment that the coordinator told.
export function Time({ at }: { at: string | undefined }) {
  return <time dateTime={at}>{at && momentOf(new Date(at), new Date())}</time>;
}
