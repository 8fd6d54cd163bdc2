import { useSignal } from "@preact/signals";
import type { ReadonlySignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { FIELDS } from "./keys";

const NOT_AWAY = `.stage, dialog, dialog *, ${FIELDS}`;

// Whether Tab walks the page: neither the image nor a field that takes all keys has the focus.
export function useIsAway(): ReadonlySignal<boolean> {
  const isAway = useSignal(false);
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    // Not at once, and not while a pointer is pressed: a click on a button gives the focus back.
    const lookSoon = () => {
      clearTimeout(timer);
      timer = setTimeout(() => {
        if (!document.querySelector(":active")) isAway.value = !document.activeElement?.matches(NOT_AWAY);
      });
    };
    const signs = ["focusin", "focusout", "pointerup"];
    for (const sign of signs) document.addEventListener(sign, lookSoon);
    return () => {
      clearTimeout(timer);
      for (const sign of signs) document.removeEventListener(sign, lookSoon);
    };
  }, []);
  return isAway;
}
