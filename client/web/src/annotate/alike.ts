// Tells whether two pictures show the same scene, as pictures that were taken a moment apart do. Then the
// boxes of one are worth copying to the other.

const LEAST_CELL = 8; // pixels per side: a shift by two pixels is a quarter of a cell at most
const MOST_CELLS = 128; // per side
// Radii of windows, in cells.
const BRIGHTNESS = 6;
const NEIGHBOURHOOD = 2;
// Smaller detail counts as noise: in grey levels, and as a share of the detail's root mean square.
const LEAST_DETAIL = 3;
const LEAST_SHARE = 0.5;
// Chosen on NEU-DET, DeepPCB and made-up scenes. Of pictures that were moved by up to two pixels, with other
// light and noise, 1 to 2 % are missed. Of pairs of different pictures 3 in 100,000 pass in NEU-DET, nearly
// all of them straight scratches at the same place, and none in DeepPCB.
const LEAST_EXPLAINED = 0.75;
const MOST_CHANGE = 0.95;

// A reduced picture less its local brightness: edges and texture are left.
// Shapes: the arrays are [height, width], in cells; grey levels, and grey levels per cell.
export interface Sketch {
  readonly width: number;
  readonly height: number;
  readonly detail: Float32Array;
  readonly slopeX: Float32Array;
  readonly slopeY: Float32Array;
}

export interface Likeness {
  // Share of the detail of either picture that the other one explains, in [0, 1].
  readonly explained: number;
  // The largest unexplained difference between the pictures, over the detail in the same place. About 1.4
  // where a picture shows something that the other one doesn't.
  readonly change: number;
}

export function isSameScene({ explained, change }: Likeness): boolean {
  return explained >= LEAST_EXPLAINED && change <= MOST_CHANGE;
}

// Requires: the sketches have the same size.
export function likeness(a: Sketch, b: Sketch): Likeness {
  const there = comparison(a, b);
  const back = comparison(b, a);
  return {
    explained: Math.min(there.explained, back.explained),
    change: Math.max(there.change, back.change),
  };
}

// Shape: grey [height, width].
export function sketchOf(grey: Float32Array, width: number, height: number): Sketch {
  const brightness = smooth(grey, width, height, BRIGHTNESS);
  const detail = grey.map((level, i) => level - brightness[i]!);
  const slopeX = new Float32Array(detail.length);
  const slopeY = new Float32Array(detail.length);
  for (let y = 0, i = 0; y < height; ++y) {
    for (let x = 0; x < width; ++x, ++i) {
      const left = x > 0 ? i - 1 : i;
      const right = x < width - 1 ? i + 1 : i;
      const above = y > 0 ? i - width : i;
      const below = y < height - 1 ? i + width : i;
      slopeX[i] = (detail[right]! - detail[left]!) / 2;
      slopeY[i] = (detail[below]! - detail[above]!) / 2;
    }
  }
  return { width, height, detail, slopeX, slopeY };
}

// Cells of a picture along a side of so many pixels.
export function cellsOf(pixels: number): number {
  return Math.min(Math.max(Math.floor(pixels / LEAST_CELL), 1), MOST_CELLS);
}

// How well the second sketch is the first one with another contrast and shifted by a part of a cell: least
// squares over the detail and its two slopes.
function comparison(from: Sketch, { detail, width, height }: Sketch): Likeness {
  const weights = leastSquares([from.detail, from.slopeX, from.slopeY], detail);
  const [contrast, shiftX, shiftY] = weights as [number, number, number];
  const unexplained = new Float32Array(detail.length); // squares
  const shown = new Float32Array(detail.length);
  for (let i = 0; i < detail.length; ++i) {
    const level = detail[i]!;
    const fitted = contrast * from.detail[i]! + shiftX * from.slopeX[i]! + shiftY * from.slopeY[i]!;
    unexplained[i] = (level - fitted) ** 2;
    shown[i] = (level ** 2 + fitted ** 2) / 2;
  }
  const energy = dot(detail, detail);
  const floor = Math.max((LEAST_SHARE ** 2 * energy) / detail.length, LEAST_DETAIL ** 2);
  const shownAround = smooth(shown, width, height, NEIGHBOURHOOD);
  const changes = smooth(unexplained, width, height, NEIGHBOURHOOD).map(
    (value, i) => value / (shownAround[i]! + floor),
  );
  return {
    // A negative is not the same scene.
    explained: energy > 0 && contrast > 0 ? Math.max(1 - sumOf(unexplained) / energy, 0) : 0,
    change: Math.sqrt(changes.reduce((most, value) => Math.max(most, value), 0)),
  };
}

// Returns the weights with which the vectors of `basis` add up to what is closest to `target`.
// Method: Gauss's elimination of the normal equations, which a small ridge keeps solvable.
function leastSquares(basis: readonly Float32Array[], target: Float32Array): number[] {
  const ridge = 1e-3 * target.length;
  const rows = basis.map((row, i) => [
    ...basis.map((column, k) => dot(row, column) + (i === k ? ridge : 0)),
    dot(row, target),
  ]);
  rows.forEach((pivot, i) => {
    for (const row of rows) {
      if (row === pivot) continue;
      const factor = row[i]! / pivot[i]!;
      pivot.forEach((value, k) => (row[k] = row[k]! - factor * value));
    }
  });
  return rows.map((row, i) => row.at(-1)! / row[i]!);
}

function dot(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; ++i) sum += a[i]! * b[i]!;
  return sum;
}

function sumOf(values: Float32Array): number {
  return values.reduce((sum, value) => sum + value, 0);
}

// Means over squares of 2 * radius + 1 cells per side. Beyond the border a picture goes on as it ends.
function smooth(values: Float32Array, width: number, height: number, radius: number): Float32Array {
  const across = new Float32Array(values.length);
  const means = new Float32Array(values.length);
  for (let y = 0; y < height; ++y) smoothLine(values, across, y * width, 1, width, radius);
  for (let x = 0; x < width; ++x) smoothLine(across, means, x, width, height, radius);
  return means;
}

// A line: `length` values that lie `step` apart.
function smoothLine(
  from: Float32Array,
  to: Float32Array,
  start: number,
  step: number,
  length: number,
  radius: number,
): void {
  const at = (place: number) => from[start + Math.min(Math.max(place, 0), length - 1) * step]!;
  let sum = 0;
  for (let place = -radius; place <= radius; ++place) sum += at(place);
  for (let place = 0; place < length; ++place) {
    to[start + place * step] = sum / (2 * radius + 1);
    sum += at(place + radius + 1) - at(place - radius);
  }
}
