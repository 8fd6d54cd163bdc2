// Contrast-limited adaptive histogram equalisation (CLAHE): detail shows in dark and in bright places alike.
// Source: Zuiderveld, "Contrast limited adaptive histogram equalization", Graphics Gems IV, 1994. The limit
// means the same as OpenCV's.

const MOST_TILES = 8; // per side
const LEAST_TILE = 16; // pixels per side: the histogram of fewer says little
const CLIP_LIMIT = 3; // of a bin, in multiples of the mean one: contrast grows about threefold at most
const LEVELS = 256;

// Positions of one axis on the grid of tiles.
interface Axis {
  readonly tiles: number;
  // By position: the tile that it lies in.
  readonly tile: Uint8Array;
  // By position: the tile whose middle comes before, and the share of the one that comes after.
  readonly before: Uint8Array;
  readonly share: Float32Array;
}

// Equalises the luminance in place. Red, green and blue keep their ratios, as far as they fit into a byte.
// Shapes: pixels [height, width, 4] RGBA, not premultiplied; alpha stays as it is.
export function equalise(pixels: Uint8ClampedArray, width: number, height: number): void {
  const across = axisOf(width);
  const down = axisOf(height);
  const { luminance, isGrey } = luminanceOf(pixels);
  const curves = curvesOf(luminance, across, down);
  // The curves of a row, blended between the tiles above and below: what is left is one blend per pixel.
  const row = new Float32Array(across.tiles * LEVELS);
  for (let y = 0; y < height; ++y) {
    blend(curves, down, y, row);
    if (isGrey) mapGrey(pixels, luminance, row, across, y);
    else mapColour(pixels, luminance, row, across, y);
  }
}

function axisOf(length: number): Axis {
  const tiles = Math.min(Math.max(Math.floor(length / LEAST_TILE), 1), MOST_TILES);
  const tile = new Uint8Array(length);
  const before = new Uint8Array(length);
  const share = new Float32Array(length);
  for (let i = 0; i < length; ++i) {
    const place = ((i + 0.5) * tiles) / length;
    const fromMiddle = Math.min(Math.max(place - 0.5, 0), tiles - 1);
    tile[i] = Math.floor(place);
    before[i] = Math.floor(fromMiddle);
    share[i] = fromMiddle % 1;
  }
  return { tiles, tile, before, share };
}

// Luma of Rec. 601, whose weights add up to 256: that of a grey pixel is its own value.
function luminanceOf(pixels: Uint8ClampedArray): { luminance: Uint8Array; isGrey: boolean } {
  const luminance = new Uint8Array(pixels.length / 4);
  let difference = 0;
  for (let i = 0, at = 0; i < luminance.length; ++i, at += 4) {
    const red = pixels[at]!;
    const green = pixels[at + 1]!;
    const blue = pixels[at + 2]!;
    luminance[i] = (77 * red + 150 * green + 29 * blue) >> 8;
    difference |= (red ^ green) | (red ^ blue);
  }
  return { luminance, isGrey: difference === 0 };
}

// Returns one curve per tile, from a level to the new one: shape [tiles down, tiles across, LEVELS].
function curvesOf(luminance: Uint8Array, across: Axis, down: Axis): Float32Array {
  const bins = new Uint32Array(down.tiles * across.tiles * LEVELS);
  const width = across.tile.length;
  for (let y = 0, i = 0; y < down.tile.length; ++y) {
    const first = down.tile[y]! * across.tiles;
    for (let x = 0; x < width; ++x, ++i) ++bins[(first + across.tile[x]!) * LEVELS + luminance[i]!]!;
  }
  const curves = new Float32Array(bins.length);
  for (let at = 0; at < bins.length; at += LEVELS) {
    curves.set(curveOf(bins.subarray(at, at + LEVELS)), at);
  }
  return curves;
}

// What the limit cuts off is spread over all bins.
function curveOf(bins: Uint32Array): Float32Array {
  const area = bins.reduce((sum, bin) => sum + bin, 0);
  const limit = Math.max((CLIP_LIMIT * area) / LEVELS, 1);
  const excess = bins.reduce((sum, bin) => sum + Math.max(bin - limit, 0), 0);
  let sum = 0;
  return Float32Array.from(bins, (bin) => {
    sum += Math.min(bin, limit) + excess / LEVELS;
    return (sum * (LEVELS - 1)) / area;
  });
}

function blend(curves: Float32Array, down: Axis, y: number, row: Float32Array): void {
  const above = down.before[y]! * row.length;
  const share = down.share[y]!;
  // In the last row of tiles there is none below.
  const below = share > 0 ? above + row.length : above;
  for (let i = 0; i < row.length; ++i) {
    const from = curves[above + i]!;
    row[i] = from + (curves[below + i]! - from) * share;
  }
}

function mapGrey(
  pixels: Uint8ClampedArray,
  luminance: Uint8Array,
  row: Float32Array,
  across: Axis,
  y: number,
): void {
  const width = across.tile.length;
  for (let x = 0, i = y * width, at = 4 * i; x < width; ++x, ++i, at += 4) {
    const level = lighten(row, across, x, luminance[i]!);
    pixels[at] = level;
    pixels[at + 1] = level;
    pixels[at + 2] = level;
  }
}

function mapColour(
  pixels: Uint8ClampedArray,
  luminance: Uint8Array,
  row: Float32Array,
  across: Axis,
  y: number,
): void {
  const width = across.tile.length;
  for (let x = 0, i = y * width, at = 4 * i; x < width; ++x, ++i, at += 4) {
    const old = luminance[i]!;
    const level = lighten(row, across, x, old);
    // Black has no colour to keep.
    const ratio = old > 0 ? level / old : 0;
    const added = old > 0 ? 0 : level;
    pixels[at] = pixels[at]! * ratio + added;
    pixels[at + 1] = pixels[at + 1]! * ratio + added;
    pixels[at + 2] = pixels[at + 2]! * ratio + added;
  }
}

// The new level of a pixel in column x.
function lighten(row: Float32Array, across: Axis, x: number, level: number): number {
  const left = across.before[x]! * LEVELS + level;
  const share = across.share[x]!;
  const from = row[left]!;
  return share > 0 ? from + (row[left + LEVELS]! - from) * share : from;
}
