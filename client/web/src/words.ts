// Counts and times in words.

const number = new Intl.NumberFormat();

// "1,234" where the browser's language writes it so.
export function numbered(count: number): string {
  return number.format(count);
}

// "1 box", "12 boxes".
export function counted(count: number, one: string, many: string): string {
  return `${number.format(count)} ${count === 1 ? one : many}`;
}

// "40 s", "1 min 5 s", "12 min", "1 h 5 min". Seconds stand below ten minutes only.
export function durationOf(milliseconds: number): string {
  const seconds = Math.round(milliseconds / 1000);
  if (seconds < 60) return `${milliseconds > 0 ? Math.max(seconds, 1) : 0} s`;
  if (seconds < 600) return joined(Math.floor(seconds / 60), "min", seconds % 60, "s");
  const minutes = Math.round(milliseconds / 60_000);
  if (minutes < 60) return `${minutes} min`;
  return joined(Math.floor(minutes / 60), "h", minutes % 60, "min");
}

function joined(large: number, largeUnit: string, small: number, smallUnit: string): string {
  const first = `${number.format(large)} ${largeUnit}`;
  return small === 0 ? first : `${first} ${small} ${smallUnit}`;
}

// When the person's day began.
export function dayStart(now: Date): Date {
  return new Date(now.getFullYear(), now.getMonth(), now.getDate());
}
