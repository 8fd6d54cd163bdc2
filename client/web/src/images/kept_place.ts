// Where a person was in a grid, kept with the page's step of the browser's history.

export interface KeptPlace {
  readonly tile: number; // the first of the topmost row that is seen
  readonly top: number; // of that row, from the top of the view, in pixels
}

export function keptPlace(): KeptPlace | null {
  return (history.state as { grid?: KeptPlace } | null)?.grid ?? null;
}

export function keepPlace(grid: KeptPlace): void {
  history.replaceState({ ...history.state, grid }, "");
}
