// The filters of the grid: what stands in the address, what people read, and what the coordinator is asked.

import type { ImageFilterJson, ImageOrderJson } from "../../gen/loupe/v1/image_pb";

export type FilterName =
  | "side"
  | "labelled"
  | "by"
  | "from"
  | "to"
  | "class"
  | "slice"
  | "origin"
  | "min"
  | "max"
  | "file"
  | "state"
  | "note"
  | "flag"
  | "asked";

interface Choice {
  readonly value: string; // in the address
  readonly text: string; // for people
}

export interface Filter {
  readonly name: FilterName;
  readonly title: string;
  // Of a filter with fixed values; none: a class of the project, a text, or a number or day as `type` says.
  readonly choices?: readonly Choice[];
  readonly type?: "number" | "date";
  readonly told: (value: string) => string; // "labelled by anna"
  readonly asked: (value: string) => ImageFilterJson;
}

const yesOrNo = (yes: string, no: string): Choice[] => [
  { value: "yes", text: yes },
  { value: "no", text: no },
];

function chosen(
  name: FilterName,
  title: string,
  choices: readonly Choice[],
  asked: (value: string) => ImageFilterJson,
): Filter {
  const told = (value: string) => choices.find((each) => each.value === value)?.text ?? value;
  return { name, title, choices, told, asked };
}

// Names of the protocol in small letters.
const named = (value: string) => value.toUpperCase();

export const filters: readonly Filter[] = [
  {
    name: "file",
    title: "File name begins with",
    told: (value) => `file ${value}…`,
    asked: (fileName) => ({ fileName }),
  },
  chosen(
    "side",
    "Side",
    [
      { value: "pool", text: "in the pool" },
      { value: "holdout", text: "in the holdout" },
    ],
    (value) => ({ side: named(value) as ImageFilterJson["side"] & string }),
  ),
  chosen("labelled", "Labels", yesOrNo("labelled", "not labelled"), (value) => ({ labelled: value === "yes" })),
  {
    name: "class",
    title: "Class",
    told: (value) => `with ${value}`,
    asked: (className) => ({ className }),
  },
  {
    name: "by",
    title: "Labelled by",
    told: (value) => `labelled by ${value}`,
    asked: (labelledBy) => ({ labelledBy }),
  },
  {
    name: "from",
    title: "Labelled on or after",
    type: "date",
    told: (value) => `labelled since ${value}`,
    asked: (day) => ({ labelledFrom: `${day}T00:00:00Z` }),
  },
  {
    name: "to",
    title: "Labelled before",
    type: "date",
    told: (value) => `labelled before ${value}`,
    asked: (day) => ({ labelledTo: `${day}T00:00:00Z` }),
  },
  chosen(
    "origin",
    "A box was",
    ["drawn", "accepted", "adjusted", "relabelled", "copied", "imported"].map((value) => ({
      value,
      text: `with a box ${value}`,
    })),
    (value) => ({ origin: named(value) as ImageFilterJson["origin"] & string }),
  ),
  chosen(
    "slice",
    "Served as",
    [
      { value: "uncertain", text: "served as uncertain" },
      { value: "rare", text: "served as rare" },
      { value: "random", text: "served as random" },
      { value: "slice_holdout", text: "served for the holdout" },
    ],
    (value) => ({ slice: named(value) as ImageFilterJson["slice"] & string }),
  ),
  {
    name: "min",
    title: "Score at least",
    type: "number",
    told: (value) => `score ≥ ${value}`,
    asked: (value) => ({ minScore: Number(value) }),
  },
  {
    name: "max",
    title: "Score at most",
    type: "number",
    told: (value) => `score ≤ ${value}`,
    asked: (value) => ({ maxScore: Number(value) }),
  },
  chosen(
    "state",
    "State",
    [
      { value: "usable", text: "in use" },
      { value: "set_aside", text: "set aside" },
      { value: "excluded", text: "excluded" },
    ],
    (value) => ({ state: named(value) as ImageFilterJson["state"] & string }),
  ),
  chosen("note", "Note", yesOrNo("with a note", "without a note"), (value) => ({ hasNote: value === "yes" })),
  {
    name: "flag",
    title: "Flag",
    told: (value) => `flag ${value}`,
    asked: (flag) => ({ flag }),
  },
  chosen("asked", "Another look", yesOrNo("asked for another look", "asked for no other look"), (value) => ({
    hasRequest: value === "yes",
  })),
];

export interface Active {
  readonly filter: Filter;
  readonly value: string;
}

// Those that the address sets.
export function activeIn(query: URLSearchParams): Active[] {
  const active = filters.map((filter) => ({ filter, value: query.get(filter.name) ?? "" }));
  return active.filter(({ value }) => value !== "");
}

export function filterOf(active: readonly Active[]): ImageFilterJson {
  return Object.assign({}, ...active.map(({ filter, value }) => filter.asked(value)));
}

export interface Order {
  readonly value: string; // in the address; empty: it isn't there
  readonly text: string;
  readonly order?: ImageOrderJson;
  readonly descending?: boolean;
}

export const orders: readonly Order[] = [
  { value: "", text: "as imported" },
  { value: "newest", text: "last imported first", descending: true },
  { value: "name", text: "by file name", order: "BY_FILE_NAME" },
  { value: "name_down", text: "by file name, Z to A", order: "BY_FILE_NAME", descending: true },
  { value: "labelled", text: "last labelled first", order: "BY_LABELLED_DAY", descending: true },
  { value: "labelled_up", text: "first labelled first", order: "BY_LABELLED_DAY" },
  { value: "score", text: "highest score first", order: "BY_SCORE", descending: true },
  { value: "score_up", text: "lowest score first", order: "BY_SCORE" },
];

export function orderIn(query: URLSearchParams): Order {
  return orders.find(({ value }) => value === query.get("order")) ?? orders[0]!;
}
