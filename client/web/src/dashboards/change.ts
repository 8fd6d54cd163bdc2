// A change that a person asks for: one at a time, with what the coordinator says where it is refused.

import { useSignal } from "@preact/signals";
import { useMemo } from "preact/hooks";
import { newRequestId } from "../annotate/request_id";
import { call } from "../api";
import { guarded } from "../session";

export interface Change {
  readonly isBusy: boolean;
  readonly error: string;
  readonly done: string; // what the last one did
  // Returns whether it succeeded.
  readonly run: (work: () => Promise<unknown>, done?: string) => Promise<boolean>;
  // For methods with a `request_id`, which it adds.
  readonly call: typeof call;
}

export function useChange(): Change {
  const isBusy = useSignal(false);
  const error = useSignal("");
  const done = useSignal("");
  const repeated = useMemo(repeatable, []);
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
  return { isBusy: isBusy.value, error: error.value, done: done.value, run, call: repeated };
}

// Calls that keep the ids of their requests until one of them succeeds. When an answer is lost, the same call
// again is the same request, and gets the answer to the first. The coordinator remembers only what it has done:
// a refused request may have its id again.
export function repeatable(): typeof call {
  const ids = new Map<string, string>(); // by content
  return async (service, method, request, options) => {
    const content = JSON.stringify([service, method, request]);
    const requestId = ids.get(content) ?? newRequestId();
    ids.set(content, requestId);
    const answer = await call(service, method, Object.assign({ requestId }, request), options);
    ids.clear();
    return answer;
  };
}
