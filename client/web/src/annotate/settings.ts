// What a person has set in this browser: keys of their own, and the crosshair.

import { signal } from "@preact/signals";

export interface Settings {
  // By name of what the key does: the chord that takes the place of its first one.
  readonly keys: Readonly<Record<string, string>>;
  readonly crosshair: boolean;
  readonly crosshairWidth: number; // screen pixels
  readonly crosshairOpacity: number;
}

const KEY = "loupe-settings";
const defaults: Settings = { keys: {}, crosshair: true, crosshairWidth: 1, crosshairOpacity: 0.6 };

export const settings = signal(read());

export function change(some: Partial<Settings>): void {
  settings.value = { ...settings.value, ...some };
  try {
    localStorage.setItem(KEY, JSON.stringify(settings.value));
  } catch {
    // They last as long as the page.
  }
}

function read(): Settings {
  try {
    return settingsOf(JSON.parse(localStorage.getItem(KEY) ?? "{}"));
  } catch {
    return defaults;
  }
}

// What another release wrote, or a person by hand, is taken as far as it makes sense.
export function settingsOf(stored: unknown): Settings {
  if (typeof stored !== "object" || stored === null) return defaults;
  const { keys, crosshair, crosshairWidth, crosshairOpacity } = stored as Record<string, unknown>;
  const chords = Object.entries(typeof keys === "object" && keys ? keys : {}).filter(
    ([, chord]) => typeof chord === "string" && chord !== "",
  );
  return {
    keys: Object.fromEntries(chords) as Record<string, string>,
    crosshair: typeof crosshair === "boolean" ? crosshair : defaults.crosshair,
    crosshairWidth: within(crosshairWidth, 1, 8) ?? defaults.crosshairWidth,
    crosshairOpacity: within(crosshairOpacity, 0.1, 1) ?? defaults.crosshairOpacity,
  };
}

function within(value: unknown, low: number, high: number): number | undefined {
  return typeof value === "number" && value >= low && value <= high ? value : undefined;
}
