// A hand with human speeds. It moves for real, on the real page, but doesn't wait as long as a person
// would: what each act takes a person is added up from the table below, and the page's own response is
// measured and added.
//
// The keystroke-level model (Card, Moran, Newell 1980): keys, homing, the mental operator. Pointing and
// dragging by Fitts's law in Shannon's form, a + b log2(distance / width + 1), as measured for a mouse
// (MacKenzie, Sellen, Buxton 1991). A glance at one box is an eye's jump and a perception (Card, Moran,
// Newell 1983). Where the pointer ends is normally distributed, so that 96 % lie within the target's width:
// that is how Fitts's law defines the width. The left hand lies on Tab, A, X and the digits to 5; the right
// one is at the mouse or at Enter, and goes from one to the other. Nothing here was fitted to what came
// out.

import { normalFrom, randomFrom, sum } from "./figures.mjs";
import { pause } from "./tab.mjs";
import { lastPicture } from "./watch.mjs";

export const SECONDS = {
  key: 0.2,
  think: 1.35, // at each decision
  homing: 0.4,
  look: 0.3, // at one box
  point: { a: -0.107, b: 0.223 },
  drag: { a: 0.135, b: 0.249 },
};
const HANDLE = 16; // width of what is grabbed, in screen pixels
const CORNER = 8; // width within which a corner of a box is put
const IN_WIDTH = 4.133; // standard deviations
const LEFT_KEYS = new Set(["Tab", "Escape", "a", "x", "1", "2", "3", "4", "5"]);

export class Hand {
  spent = { looking: 0, thinking: 0, keys: 0, homing: 0, pointing: 0, dragging: 0, page: 0 }; // seconds
  keys = 0;
  drags = 0;
  #tab;
  #random;
  #isAtMouse = false;
  #at = { x: 640, y: 400 }; // the pointer

  constructor(tab, seed) {
    this.#tab = tab;
    this.#random = randomFrom(seed);
  }

  get seconds() {
    return sum(Object.values(this.spent));
  }

  // Looks at a box, and decides what to do about it.
  judge() {
    this.spent.looking += SECONDS.look;
    this.think();
  }

  think() {
    this.spent.thinking += SECONDS.think;
  }

  async press(key) {
    this.#stroke(key);
    await this.#tab.press(key);
    this.spent.page += (await this.#tab.evaluate(() => window.bench.response())) / 1000;
  }

  // Presses Enter. The page's response lasts until the next picture is painted; after the last one, until
  // nothing is shown.
  async submit(isLast) {
    const tab = this.#tab;
    this.#stroke("Enter");
    const before = await tab.evaluate(() => window.bench.pictures.length);
    await tab.press("Enter");
    if (isLast) {
      this.spent.page += (await tab.evaluate(() => window.bench.response())) / 1000;
      return;
    }
    await tab.until((seen) => window.bench.pictures.length > seen, before);
    this.spent.page += (await tab.until(lastPicture)).painted / 1000;
  }

  // Draws a box from one corner to the opposite one, points of the screen.
  draw(from, to) {
    const start = this.#aimedAt(from, CORNER);
    return this.#drag(start, this.#aimedAt(to, CORNER), CORNER);
  }

  // Takes a corner of a box elsewhere. Where in the handle it was grabbed doesn't matter: eyes are on the
  // corner.
  move(from, to) {
    const start = this.#aimedAt(from, HANDLE);
    const end = this.#aimedAt(to, CORNER);
    return this.#drag(start, { x: start.x + end.x - from.x, y: start.y + end.y - from.y }, HANDLE);
  }

  async #drag(start, end, grabbed) {
    this.#goTo(true);
    this.spent.pointing += fitts(SECONDS.point, this.#at, start, grabbed);
    this.spent.dragging += fitts(SECONDS.drag, start, end, CORNER);
    const tab = this.#tab;
    await this.#glide(this.#at, start, false);
    await tab.mouse("mousePressed", start);
    await this.#glide(start, end, true);
    await tab.mouse("mouseReleased", end);
    this.#at = end;
    this.drags += 1;
    this.spent.page += (await tab.evaluate(() => window.bench.response())) / 1000;
  }

  #stroke(key) {
    if (!LEFT_KEYS.has(key)) this.#goTo(false);
    this.spent.keys += SECONDS.key;
    this.keys += 1;
  }

  #goTo(isAtMouse) {
    if (this.#isAtMouse !== isAtMouse) this.spent.homing += SECONDS.homing;
    this.#isAtMouse = isAtMouse;
  }

  #aimedAt({ x, y }, width) {
    const error = () => (width / IN_WIDTH) * normalFrom(this.#random);
    return { x: x + error(), y: y + error() };
  }

  async #glide(from, to, isHeld) {
    for (const share of [0.3, 0.8, 1]) {
      const at = { x: from.x + share * (to.x - from.x), y: from.y + share * (to.y - from.y) };
      await this.#tab.mouse("mouseMoved", at, isHeld);
    }
    await pause(20); // The page may move things once a frame.
  }
}

function fitts({ a, b }, from, to, width) {
  const distance = Math.hypot(to.x - from.x, to.y - from.y);
  return Math.max(a + b * Math.log2(distance / width + 1), 0);
}
