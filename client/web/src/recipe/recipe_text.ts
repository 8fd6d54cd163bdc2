// A recipe as a form has it: the fields that somebody filled in, as texts, by their paths. What is left empty
// has its default.

import type { DescMessage } from "@bufbuild/protobuf";
import { RecipeSchema, type RecipeJson } from "../../gen/loupe/v1/recipe_pb";
import type { RecipeDescriptionJson, RecipeFieldJson } from "../../gen/loupe/v1/round_pb";

export type Values = Readonly<Record<string, string>>;

export function fieldsOf(description: RecipeDescriptionJson): RecipeFieldJson[] {
  return (description.sections ?? []).flatMap(({ fields = [] }) => fields);
}

// As protobuf text: what the coordinator and `loupe round submit --recipe` read.
export function recipeText(description: RecipeDescriptionJson, values: Values): string {
  const lines: string[] = [];
  for (const { name = "", fields = [] } of description.sections ?? []) {
    const inside = fields.flatMap((field) => linesOf(field, values[field.path ?? ""] ?? ""));
    if (inside.length === 0) continue;
    if (name === "") lines.push(...inside);
    else lines.push(`${name} {`, ...inside.map((line) => `  ${line}`), "}");
  }
  return lines.map((line) => `${line}\n`).join("");
}

function linesOf({ path = "", kind, repeated }: RecipeFieldJson, text: string): string[] {
  const name = path.slice(path.lastIndexOf(".") + 1);
  if (kind === "MESSAGE") return text.trim() === "" ? [] : [`${name} { ${text.trim()} }`];
  return partsOf(text, repeated).map((part) => `${name}: ${kind === "TEXT" ? quoted(part) : part}`);
}

// Several values are written with commas between them.
function partsOf(text: string, repeated: boolean | undefined): string[] {
  return (repeated ? text.split(",") : [text]).map((part) => part.trim()).filter((part) => part !== "");
}

function quoted(text: string): string {
  const escaped = text
    .replace(/["\\]/g, "\\$&")
    .replace(/[\x00-\x1f]/g, (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, "0")}`);
  return `"${escaped}"`;
}

const LARGEST = 2n ** 64n - 1n; // that the protocol has

// Why a text is no value of this field; empty: it is one.
export function problemOf(field: RecipeFieldJson, text: string): string {
  const { kind, repeated } = field;
  for (const part of partsOf(text, repeated)) {
    if (kind === "INTEGER" && !/^\d+$/.test(part)) return "must be a whole number";
    if (kind === "REAL" && !/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(part)) return "must be a number";
    if (!isInRange(field, Number(part))) {
      return `must be ${field.lowExcluded ? "" : "from "}${rangeText(field)}`;
    }
    if (kind === "INTEGER" && BigInt(part) > LARGEST) return `must be at most ${LARGEST}`;
  }
  return "";
}

// Of texts, and where anything is allowed, it is true.
function isInRange({ low, high, lowExcluded, highExcluded }: RecipeFieldJson, value: number): boolean {
  if (low === undefined || high === undefined) return true;
  const isBelow = lowExcluded ? value <= Number(low) : value < Number(low);
  const isAbove = highExcluded ? value >= Number(high) : value > Number(high);
  return !isBelow && !isAbove;
}

// The lines of the coordinator's refusal, by the fields that they name; under "" those that name none.
export function problemsIn(message: string, fields: readonly RecipeFieldJson[]): Record<string, string> {
  const problems: Record<string, string> = {};
  for (const line of message.split("\n")) {
    const text = line.replace(/^recipe: /, "");
    const paths = fields
      .map(({ path = "" }) => path)
      .filter((path) => path.includes(".") && names(text, path));
    for (const path of paths.length > 0 ? paths : [""]) {
      problems[path] = problems[path] ? `${problems[path]}\n${text}` : text;
    }
  }
  return problems;
}

function names(text: string, path: string): boolean {
  return new RegExp(`(^|[^\\w.])${path.replace(".", "\\.")}($|[^\\w])`).test(text);
}

// The fields of a resolved recipe that differ from the defaults. Fields whose defaults depend on others are
// among them wherever they are set.
export function valuesOf(description: RecipeDescriptionJson, recipe: RecipeJson): Values {
  const values: Record<string, string> = {};
  for (const { path = "", defaults = [], kind } of fieldsOf(description)) {
    const found = valueAt(recipe, path);
    const isNumber = kind === "INTEGER" || kind === "REAL";
    const plain = (parts: readonly string[]) => (isNumber ? parts.map(Number) : parts).join(", ");
    if (found.length > 0 && plain(found) !== plain(defaults)) values[path] = found.join(", ");
  }
  return values;
}

// As texts; none: it isn't set, or empty.
export function valueAt(recipe: RecipeJson | undefined, path: string): string[] {
  let value: unknown = recipe;
  let message: DescMessage | undefined = RecipeSchema;
  for (const part of path.split(".")) {
    const field: DescMessage["fields"][number] | undefined = message?.fields.find(({ name }) => name === part);
    value = (value as Record<string, unknown> | undefined)?.[field?.jsonName ?? ""];
    message = field?.message;
  }
  if (value === undefined || value === "") return [];
  if (message !== undefined) return [messageText(message, value as Record<string, unknown>)];
  return (Array.isArray(value) ? value : [value]).map(String);
}

// As protobuf text in one line. Requires: it has no texts, which would need quotes.
function messageText({ fields }: DescMessage, values: Record<string, unknown>): string {
  return fields
    .flatMap(({ name, jsonName, message }) =>
      [values[jsonName] ?? []]
        .flat()
        .map((value) =>
          message ? `${name} { ${messageText(message, value as Record<string, unknown>)} }` : `${name}: ${value}`,
        ),
    )
    .join(" ");
}

// What is allowed, in words; empty: anything.
export function rangeText({ low, high, lowExcluded, highExcluded }: RecipeFieldJson): string {
  if (low === undefined || high === undefined) return "";
  const [from, to] = [Number(low).toLocaleString(), Number(high).toLocaleString()];
  if (lowExcluded) return `above ${from}, ${highExcluded ? "below" : "at most"} ${to}`;
  return `${from} to ${highExcluded ? "below " : ""}${to}`;
}
