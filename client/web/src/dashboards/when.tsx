import { utc } from "./formats";

// A moment that the coordinator told.
export function When({ at, only }: { at: string | undefined; only?: "moment" | "day" }) {
  return <time dateTime={at}>{utc(at, only)}</time>;
}
