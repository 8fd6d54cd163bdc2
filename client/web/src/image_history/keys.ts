import type { RefObject } from "preact";
import { useLayoutEffect } from "preact/hooks";
import type { StageView } from "./stage_view";

interface Walker {
  readonly root: RefObject<HTMLDivElement | null>; // of the picture
  readonly view: RefObject<StageView | null>;
  readonly place: number; // of the revision, from 0
  readonly places: number;
  readonly boxes: readonly string[]; // ids, in the order in which Tab walks them
  readonly boxId: string; // chosen; empty: none is
  readonly walkTo: (place: number) => void;
  readonly select: (boxId: string) => void;
}

// Keys of the page. Where text is written, and in what scrolls, they mean what they always do.
export function useWalkKeys(walker: Walker): void {
  useLayoutEffect(() => {
    function press(event: KeyboardEvent) {
      const { key, target, shiftKey } = event;
      if (event.ctrlKey || event.altKey || event.metaKey) return;
      if (target instanceof Element && target.closest("input, select, textarea, .scroll")) return;
      const isOnPicture = target === walker.root.current;
      const act = key === "Tab" ? isOnPicture && nextBox(walker, shiftKey ? -1 : 1) : actionOf(walker, key);
      if (!act) return;
      event.preventDefault();
      act();
    }
    document.addEventListener("keydown", press);
    return () => document.removeEventListener("keydown", press);
  });
}

function actionOf({ view, place, places, walkTo, select }: Walker, key: string): (() => void) | undefined {
  const actions: Record<string, () => void> = {
    ArrowLeft: () => walkTo(place - 1),
    ArrowRight: () => walkTo(place + 1),
    Home: () => walkTo(0),
    End: () => walkTo(places - 1),
    "+": () => view.current!.zoomBy(1.25),
    "=": () => view.current!.zoomBy(1.25),
    "-": () => view.current!.zoomBy(0.8),
    "0": () => view.current!.fit(),
    z: () => view.current!.zoomToChosen(),
    Escape: () => select(""),
  };
  return actions[key];
}

// Before the first box and behind the last one, Tab leaves the picture.
function nextBox({ boxes, boxId, select }: Walker, step: number): (() => void) | undefined {
  const at = boxes.indexOf(boxId);
  const next = at < 0 && step < 0 ? undefined : boxes[at + step];
  return next === undefined ? undefined : () => select(next);
}
