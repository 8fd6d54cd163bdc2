const LONGEST = 100; // milliseconds; a tab that isn't seen paints nothing

// Returns when what was changed is on the screen, or soon would be: for work that can wait so long.
export function painted(): Promise<void> {
  return new Promise((resolve) => {
    requestAnimationFrame(() => requestAnimationFrame(() => resolve()));
    setTimeout(resolve, LONGEST);
  });
}
