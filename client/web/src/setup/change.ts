// A change that a person asks for: one at a time, with what the coordinator says where it is refused.

import { useSignal } from "@preact/signals";
import { guarded } from "../session";

export interface Change {
  readonly isBusy: boolean;
  readonly error: string;
  readonly done: string; // what the last one did
  // Returns whether it succeeded.
  readonly run: (work: () => Promise<unknown>, done?: string) => Promise<boolean>;
  readonly clear: () => void;
}

export function useChange(): Change {
  const isBusy = useSignal(false);
  const error = useSignal("");
  const done = useSignal("");
  async function run(work: () => Promise<unknown>, words = ""): Promise<boolean> {
    if (isBusy.value) return false;
    isBusy.value = true;
    error.value = "";
    done.value = "";
    try {
      await guarded(work());
      done.value = words;
      return true;
    } catch (refusal) {
      error.value = (refusal as Error).message;
      return false;
    } finally {
      isBusy.value = false;
    }
  }
  function clear() {
    error.value = "";
    done.value = "";
  }
  return { isBusy: isBusy.value, error: error.value, done: done.value, run, clear };
}
