import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import type { RoundJson, RoundLineJson, TrainingPointJson } from "../../gen/loupe/v1/round_pb";
import { call } from "../api";
import type { Column } from "../dashboards/columns";
import { Downloads } from "../dashboards/downloads";
import { Failure } from "../failure";
import { guarded } from "../session";

export interface RoundLog {
  readonly lines: readonly RoundLineJson[]; // oldest first
  readonly points: readonly TrainingPointJson[];
  readonly error: Error | null;
  readonly load: () => void;
}

const PAUSE = 5000; // milliseconds

// Read anew when the round has changed, soon after a step began and otherwise now and again: nothing is asked
// while nothing happens. `reads`: the person may.
export function useLog(project: string, round: RoundJson, reads: boolean): RoundLog | null {
  const log = useSignal<{ lines: RoundLineJson[]; points: TrainingPointJson[] } | null>(null);
  const error = useSignal<Error | null>(null);
  const last = useRef({ at: 0, state: "" });

  async function load() {
    last.current = { at: Date.now(), state: round.state ?? "" };
    try {
      const request = { project, number: round.number ?? 0 };
      const { lines = [], points = [] } = await guarded(call("RoundService", "getRoundLog", request));
      log.value = { lines, points };
      error.value = null;
    } catch (problem) {
      error.value = problem as Error;
    }
  }
  useEffect(() => {
    if (!reads) return;
    const { at, state } = last.current;
    const wait = state === round.state ? Math.max(at + PAUSE - Date.now(), 0) : 0;
    const timer = setTimeout(() => void load(), wait);
    return () => clearTimeout(timer);
  }, [round]);
  if (log.value === null && error.value === null) return null;
  return { ...(log.value ?? { lines: [], points: [] }), error: error.value, load: () => void load() };
}

const columns: Column<RoundLineJson>[] = [
  { name: "at", title: "", value: (line) => line.at },
  { name: "kind", title: "", value: (line) => line.kind },
  { name: "text", title: "", value: (line) => line.text },
];

const KEPT = 200; // lines of a kind

// What happened, the latest first.
export function Log({ log: { lines, error, load }, name }: { log: RoundLog; name: string }) {
  const counts = new Map<string, number>();
  for (const { kind = "" } of lines) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  return (
    <section class="part" aria-label="Log">
      <div class="part-head">
        <h3>Log</h3>
        <Downloads name={name} columns={columns} rows={lines} />
      </div>
      {error && <Failure message={error.message} retry={load} />}
      <ol class="card log" reversed tabIndex={0} aria-label="Lines of the log">
        {[...lines].reverse().map((line) => (
          <li key={line.id} class={line.kind}>
            <time dateTime={line.at}>{clockOf(line.at)}</time> <span>{line.text}</span>
          </li>
        ))}
      </ol>
      {[...counts.values()].some((count) => count >= KEPT) && (
        <p class="faint">Of each kind, the first {KEPT} lines are kept.</p>
      )}
    </section>
  );
}

// "2026-11-30 10:14:05 UTC"
function clockOf(at: string | undefined): string {
  const text = new Date(at ?? NaN);
  return Number.isNaN(text.getTime()) ? "" : `${text.toISOString().slice(0, 19).replace("T", " ")} UTC`;
}
