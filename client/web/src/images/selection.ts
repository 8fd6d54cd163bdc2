// The images that a person has selected. Each change makes a new selection.

export const MOST_SELECTED = 1000; // as many as the coordinator takes in a call

export interface Selection<Row> {
  readonly rows: ReadonlyMap<string, Row>; // by id
  readonly anchor: string; // where a range begins: the one that was chosen last; empty: none
}

export function nothing<Row>(): Selection<Row> {
  return { rows: new Map(), anchor: "" };
}

// Selects one, or takes it out.
export function toggled<Row>(selection: Selection<Row>, id: string, row: Row): Selection<Row> {
  const rows = new Map(selection.rows);
  if (!rows.delete(id) && rows.size < MOST_SELECTED) rows.set(id, row);
  return { rows, anchor: id };
}

// Selects all from the anchor to `id`, in the order of `ids`.
export function extended<Row>(
  selection: Selection<Row>,
  id: string,
  ids: readonly string[],
  rowOf: (place: number) => Row,
): Selection<Row> {
  const from = ids.indexOf(selection.anchor);
  const to = ids.indexOf(id);
  if (from < 0) return toggled(selection, id, rowOf(to));
  const rows = new Map(selection.rows);
  for (let place = Math.min(from, to); place <= Math.max(from, to) && rows.size < MOST_SELECTED; ++place) {
    rows.set(ids[place]!, rowOf(place));
  }
  return { rows, anchor: selection.anchor };
}
