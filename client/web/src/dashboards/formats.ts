// Figures as people read them. What isn't known is a dash.

export const NOTHING = "–";

const number = new Intl.NumberFormat();
const UNITS = ["B", "kB", "MB", "GB", "TB"];

// A number of the protocol's JSON: 64-bit integers are texts, and what is missing is 0.
export function numberOf(value: number | string | undefined): number {
  return Number(value ?? 0);
}

// "1,234"
export function count(value: number | string | undefined): string {
  return number.format(numberOf(value));
}

// "42.0 %" of a share in [0, 1].
export function percent(share: number | undefined, digits = 1): string {
  if (share === undefined || !Number.isFinite(share)) return NOTHING;
  return `${(100 * share).toFixed(digits)} %`;
}

// "0.842": AP, precision, IoU and other figures in [0, 1]. The protocol's -1 is undefined.
export function score(value: number | undefined): string {
  return value === undefined || !Number.isFinite(value) || value === -1 ? NOTHING : value.toFixed(3);
}

// "+0.012", "0.000"
export function difference(value: number | undefined): string {
  if (value === undefined || !Number.isFinite(value)) return NOTHING;
  return `${isNothing(value) ? "" : value < 0 ? "−" : "+"}${Math.abs(value).toFixed(3)}`;
}

// Whether a difference is shown as 0.
export function isNothing(difference: number): boolean {
  return Number(difference.toFixed(3)) === 0;
}

// "0.801 to 0.873"; empty: there is no interval.
export function interval(
  low: number | undefined,
  high: number | undefined,
  show: (value: number) => string = score,
): string {
  return low === undefined || high === undefined ? "" : `${show(low)} to ${show(high)}`;
}

// "1.5 GB"
export function bytes(value: number | string | undefined): string {
  let size = numberOf(value);
  let unit = 0;
  while (size >= 1000 && unit < UNITS.length - 1) {
    size /= 1000;
    ++unit;
  }
  return `${unit === 0 || size >= 100 ? Math.round(size) : size.toFixed(1)} ${UNITS[unit]}`;
}

// With fewer boxes an interval tells nothing.
export const FEWEST_BOXES = 30;

// Of the classes that a mean AP is taken over: empty, or what to know about those with few boxes.
export function fewBoxesNote(classes: readonly { boxes?: string }[]): string {
  const boxes = classes.map((each) => numberOf(each.boxes)).filter((each) => each > 0);
  const few = boxes.filter((each) => each < FEWEST_BOXES).length;
  if (few === 0) return "";
  const which = few === boxes.length ? "all" : `${few} of ${boxes.length}`;
  return `The mean hangs on classes with few boxes: ${which} have fewer than ${FEWEST_BOXES} here.`;
}

export type Only = "day" | "clock";

// "2026-11-29 17:17 UTC"; the day alone: "2026-11-29"; the clock, of a moment of today: "17:17 UTC".
export function utc(at: string | Date | undefined, only?: Only, now = new Date()): string {
  const date = new Date(at ?? NaN);
  if (Number.isNaN(date.getTime())) return NOTHING;
  const [day = "", clock = ""] = date.toISOString().split("T");
  if (only === "day") return day;
  const isToday = now.toISOString().startsWith(day);
  return `${only === "clock" && isToday ? "" : `${day} `}${clock.slice(0, 5)} UTC`;
}
