// Which rows of a long grid are in the page: those that are seen, and a few around them.

export interface Layout {
  readonly columns: number;
  readonly tileWidth: number; // all in pixels
  readonly rowHeight: number; // with the gap below
}

export const GAP = 10;
const NARROWEST_TILE = 150;
const WIDEST_TILE = 210;
const TEXT_HEIGHT = 46;
const ROWS_AROUND = 2;

// As many columns as fit, all of one width.
export function layoutOf(width: number): Layout {
  const columns = Math.max(2, Math.floor((width + GAP) / (NARROWEST_TILE + GAP)));
  const tileWidth = Math.min(WIDEST_TILE, Math.floor((width + GAP) / columns - GAP));
  return { columns, tileWidth, rowHeight: Math.round((tileWidth * 3) / 4) + TEXT_HEIGHT + GAP };
}

// Rows from `first` to before `end`. `top`: how far the grid's top is above that of the view, in pixels;
// below 0: the grid begins further down.
export function rowsSeen(layout: Layout, rows: number, top: number, height: number): { first: number; end: number } {
  const first = Math.floor(top / layout.rowHeight) - ROWS_AROUND;
  const end = Math.ceil((top + height) / layout.rowHeight) + ROWS_AROUND;
  const within = (row: number) => Math.min(Math.max(row, 0), rows);
  return { first: within(first), end: within(end) };
}

// Where a key leads from tile `at` of `count`, in rows of `columns` of which `page` are seen. null: nowhere;
// the key is for others.
export function placeAfter(key: string, at: number, count: number, columns: number, page: number): number | null {
  const steps: Record<string, number> = {
    ArrowLeft: at - 1,
    ArrowRight: at + 1,
    ArrowUp: at - columns,
    ArrowDown: at + columns,
    PageUp: at - page * columns,
    PageDown: at + page * columns,
    Home: 0,
    End: count - 1,
  };
  const step = steps[key];
  if (step === undefined) return null;
  const isPage = key.startsWith("Page");
  if (step >= 0 && step < count) return step;
  if (!isPage) return at;
  return step < 0 ? at % columns : count - 1;
}
