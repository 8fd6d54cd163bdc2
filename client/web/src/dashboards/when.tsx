import { utc, type Only } from "./formats";

// A moment that the coordinator told.
export function When({ at, only }: { at: string | undefined; only?: Only }) {
  return <time dateTime={at}>{utc(at, only)}</time>;
}
