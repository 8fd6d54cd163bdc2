// The requests that import what has come.

import type { ImportUploadsRequestJson } from "../../gen/loupe/v1/upload_pb";
import type { ImportResponseJson } from "../../gen/loupe/v1/image_pb";

export type Pictures = NonNullable<ImportUploadsRequestJson["pictures"]>;

const MOST_PICTURES = 20_000;
const MOST_BYTES = 3_500_000; // of a request in JSON, of the coordinator's 4 MiB

// In as many requests as the coordinator takes.
export function inRequests(pictures: Pictures): Pictures[] {
  const requests: Pictures[] = [];
  let bytes = Infinity;
  for (const picture of pictures) {
    const size = new TextEncoder().encode(JSON.stringify(picture)).length + 1;
    const last = requests.at(-1);
    if (!last || last.length === MOST_PICTURES || bytes + size > MOST_BYTES) {
      requests.push([picture]);
      bytes = size;
    } else {
      last.push(picture);
      bytes += size;
    }
  }
  return requests;
}

const LISTED = 20;

// The results of several requests as one.
export function addedUp(parts: readonly ImportResponseJson[]): ImportResponseJson {
  const total: Record<string, string | string[]> = {};
  for (const part of parts) {
    for (const [name, value] of Object.entries(part)) {
      const before = total[name];
      total[name] = Array.isArray(value)
        ? [...((before as string[] | undefined) ?? []), ...value].slice(0, LISTED)
        : String(Number(before ?? 0) + Number(value));
    }
  }
  return total as ImportResponseJson;
}
