// Whether colours can be told apart, by people with and without all their cones.

import type { ClassJson } from "../../gen/loupe/v1/annotation_pb";
import { shownColour } from "../annotate/palette";

type Rgb = readonly [number, number, number]; // linear, 0 to 1

function linear(colour: string): Rgb {
  const channel = (at: number) => {
    const level = parseInt(colour.slice(at, at + 2), 16) / 255;
    return level <= 0.04045 ? level / 12.92 : ((level + 0.055) / 1.055) ** 2.4;
  };
  return [channel(1), channel(3), channel(5)];
}

// As who lacks the cones for long or middle wavelengths sees it.
// Source: Viénot, Brettel and Mollon 1999, in linear RGB.
function withoutRed([r, g, b]: Rgb): Rgb {
  const yellow = 0.11238 * r + 0.88762 * g;
  return [yellow, yellow, 0.00401 * r - 0.00401 * g + b];
}
function withoutGreen([r, g, b]: Rgb): Rgb {
  const yellow = 0.29275 * r + 0.70725 * g;
  return [yellow, yellow, -0.02234 * r + 0.02234 * g + b];
}

// Source: Ottosson 2020, Oklab. Lightness from 0 to 1, then two axes of colour.
function oklab([r, g, b]: Rgb): Rgb {
  const l = Math.cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b);
  const m = Math.cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b);
  const s = Math.cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b);
  return [
    0.2104542553 * l + 0.793617785 * m - 0.0040720468 * s,
    1.9779984951 * l - 2.428592205 * m + 0.4505937099 * s,
    0.0259040371 * l + 0.7827717662 * m - 0.808675766 * s,
  ];
}

// Thin lines need more than surfaces: the nearest pair of the palette is 0.10 apart, and 0.03 for who lacks a
// cone.
const TOLD_APART = 0.08;

function distance(a: Rgb, b: Rgb): number {
  const [x, y] = [oklab(a), oklab(b)];
  return Math.hypot(x[0] - y[0], x[1] - y[1], x[2] - y[2]);
}

export function areAlike(a: string, b: string): "" | "everybody" | "some" {
  const [x, y] = [linear(a), linear(b)];
  if (distance(x, y) < TOLD_APART) return "everybody";
  const isSome = [withoutRed, withoutGreen].some((seen) => distance(seen(x), seen(y)) < TOLD_APART / 3);
  return isSome ? "some" : "";
}

// The edge that boxes have around them, and the ground around the picture.
const FRAME = "#000000";

// What a person may want to change. Boxes have a shape beside their name, so nothing is refused.
export function warningsOf(classes: readonly ClassJson[]): string[] {
  const warnings: string[] = [];
  const used = classes.filter(({ retired }) => !retired);
  for (const [i, one] of used.entries()) {
    const colour = shownColour(one);
    if (distance(linear(colour), linear(FRAME)) < 0.45) {
      warnings.push(
        `${one.name}: so dark a colour is lost in the picture's frame and in the edges of boxes.`,
      );
    }
    for (const other of used.slice(0, i)) {
      const who = areAlike(shownColour(other), colour);
      if (who === "") continue;
      const whom = who === "some" ? "people who can't tell red from green" : "everybody";
      warnings.push(`${other.name} and ${one.name}: their colours look alike to ${whom}.`);
    }
  }
  return warnings;
}
