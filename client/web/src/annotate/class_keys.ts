// Which key chooses which class.

import type { ClassJson } from "../../gen/loupe/v1/annotation_pb";

export const DIGITS = ["1", "2", "3", "4", "5", "6", "7", "8", "9", "0"];
// That nothing else on the annotation page has.
export const LETTERS = ["I", "O", "P", "Q", "T", "V", "W", "Y"];
// As the coordinator takes them.
export const CLASS_KEYS = [...DIGITS.slice(0, -1), ...LETTERS];

// Labels by key. `offered`: classes in use, in order. One without a key of its own has the digit of its place,
// unless another class has it.
export function labelsByKey(offered: readonly ClassJson[]): ReadonlyMap<string, number> {
  const keys = new Map<string, number>();
  for (const { label = 0, display } of offered) {
    if (display?.key) keys.set(display.key, label);
  }
  for (const [place, { label = 0, display }] of offered.slice(0, DIGITS.length).entries()) {
    const digit = DIGITS[place]!;
    if (!display?.key && !keys.has(digit)) keys.set(digit, label);
  }
  return keys;
}

// Empty: the class has none.
export function keyOf(label: number, offered: readonly ClassJson[]): string {
  for (const [key, each] of labelsByKey(offered)) {
    if (each === label) return key;
  }
  return "";
}
