// What a view shows as rows, for its table and for its CSV and JSON alike.

import type { ComponentChildren } from "preact";

export type Value = string | number | boolean | null | undefined;

export interface Column<Row> {
  readonly name: string; // in CSV and JSON: snake case, as the CLI's --json has it
  readonly title: string; // in the table; empty: it is only in the files
  readonly value: (row: Row) => Value;
  // What the table shows; default: the value. Numbers stand at the right.
  readonly show?: (row: Row) => ComponentChildren;
  readonly isText?: boolean;
}

// With a line of names first. A text that a program for tables would take for a formula has a ' before it
// (OWASP, CSV injection), as in `loupe export`.
export function csvOf<Row>(columns: readonly Column<Row>[], rows: readonly Row[]): string {
  const lines = [columns.map(({ name }) => name), ...rows.map((row) => columns.map(({ value }) => value(row)))];
  return lines.map((line) => `${line.map(csvField).join(",")}\n`).join("");
}

function csvField(value: Value): string {
  if (value === null || value === undefined) return "";
  if (typeof value !== "string") return String(value);
  const text = /^[=+\-@\t\r\n]/.test(value) ? `'${value}` : value;
  return /[\x00-\x1f",]/.test(value) ? `"${text.replaceAll('"', '""')}"` : text;
}

export function jsonOf<Row>(columns: readonly Column<Row>[], rows: readonly Row[]): string {
  const objects = rows.map((row) =>
    Object.fromEntries(columns.map(({ name, value }) => [name, value(row) ?? null])),
  );
  return `${JSON.stringify(objects, null, 2)}\n`;
}
