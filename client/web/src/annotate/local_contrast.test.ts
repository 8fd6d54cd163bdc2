import { expect, test } from "vitest";
import type { Levels } from "./levels";
import { LocalContrast } from "./local_contrast";
import type { Copy } from "./local_contrast";
import type { Picture } from "./picture";

// Pictures and canvases are only handed on: names take their place.
const pictureOf = (name: string) => name as unknown as Picture;

class Bench {
  shown: unknown = null;
  told: string[] = [];
  next: string[] = [];
  made: string[] = [];
  freed: string[] = [];
  settle: ((failure?: string) => Promise<void>) | null = null; // of the job that runs
  isStopped = false;

  readonly contrast = new LocalContrast(
    {
      show: (copy) => (this.shown = copy),
      tell: (text) => this.told.push(text),
      ahead: async () => this.next.map(pictureOf),
    },
    { make: (picture) => this.make(picture as unknown as string), stop: () => (this.isStopped = true) },
  );

  open(name: string | null, ...next: string[]): Promise<void> {
    this.next = next;
    this.contrast.open(name === null ? null : pictureOf(name));
    return turnOfEvents();
  }

  turn(isOn: boolean): Promise<void> {
    this.contrast.turn(isOn);
    return turnOfEvents();
  }

  private make(name: string): Promise<Copy> {
    expect(this.settle, "one job at a time").toBeNull();
    this.made.push(name);
    return new Promise((resolve, reject) => {
      this.settle = (failure) => {
        this.settle = null;
        if (failure) reject(new Error(failure));
        const levels = `copy of ${name}` as unknown as Levels;
        resolve({ levels, free: () => this.freed.push(name) });
        return turnOfEvents();
      };
    });
  }
}

const turnOfEvents = () => new Promise<void>((resolve) => setTimeout(resolve, 0));

test("nothing is made while it is off", async () => {
  const bench = new Bench();
  await bench.open("a", "b");
  expect(bench.made).toEqual([]);
  expect(bench.shown).toBeNull();
});

test("the copy takes the picture's place, then two are made ahead and are shown at once", async () => {
  const bench = new Bench();
  await bench.open("a", "b", "c", "d");
  await bench.turn(true);
  expect(bench.shown).toBeNull();
  await bench.settle!();
  expect(bench.shown).toBe("copy of a");
  await bench.settle!();
  await bench.settle!();
  expect(bench.made).toEqual(["a", "b", "c"]);
  expect(bench.settle).toBeNull();

  bench.contrast.open(pictureOf("b"));
  expect(bench.shown).toBe("copy of b");
  expect(bench.freed).toEqual(["a"]);
});

test("a picture that is opened meanwhile comes first, and what nobody waits for is freed", async () => {
  const bench = new Bench();
  await bench.turn(true);
  await bench.open("a", "b", "c");
  await bench.open("x", "y");
  await bench.settle!(); // a
  expect(bench.freed).toEqual(["a"]);
  expect(bench.shown).toBeNull();
  await bench.settle!();
  expect(bench.shown).toBe("copy of x");
  expect(bench.made).toEqual(["a", "x", "y"]);
});

test("off shows the picture again and frees every copy, also one that is being made", async () => {
  const bench = new Bench();
  await bench.open("a", "b");
  await bench.turn(true);
  await bench.settle!();
  await bench.turn(false);
  expect(bench.shown).toBeNull();
  expect(bench.freed).toEqual(["a"]);
  await bench.settle!(); // b
  expect(bench.freed).toEqual(["a", "b"]);

  await bench.turn(true);
  expect(bench.made).toEqual(["a", "b", "a"]);
});

test("a failure is told once, and turns it off", async () => {
  const bench = new Bench();
  await bench.open("a", "b");
  await bench.turn(true);
  await bench.settle!("there is no memory");
  expect(bench.told).toEqual([
    "Local contrast is off, the picture is shown as it is: there is no memory.",
  ]);
  expect(bench.contrast.isOn).toBe(false);
  expect(bench.shown).toBeNull();
  expect(bench.made).toEqual(["a"]);
});

test("what fails ahead is tried again when it is on the screen", async () => {
  const bench = new Bench();
  await bench.open("a", "b");
  await bench.turn(true);
  await bench.settle!();
  await bench.settle!("the network is gone"); // b
  expect(bench.told).toEqual([]);
  expect(bench.shown).toBe("copy of a");
  await bench.open("b");
  await bench.settle!();
  expect(bench.shown).toBe("copy of b");
});

test("without a picture on the screen those that come next keep their copies", async () => {
  const bench = new Bench();
  await bench.turn(true);
  await bench.open("a", "b");
  await bench.settle!();
  await bench.settle!();
  await bench.open(null, "b");
  expect(bench.freed).toEqual(["a"]);
});

test("leaving the page frees everything and ends the worker", async () => {
  const bench = new Bench();
  await bench.turn(true);
  await bench.open("a", "b");
  await bench.settle!();
  bench.contrast.leave();
  expect(bench.freed).toEqual(["a"]);
  expect(bench.isStopped).toBe(true);
});
