import { useSignal } from "@preact/signals";
import type { ProjectJson } from "../../gen/loupe/v1/project_pb";
import { useChange } from "../dashboards/change";
import { Said } from "../dashboards/said";

interface Props {
  project: ProjectJson;
  reload: () => Promise<void>;
}

function percentOf(share: number | string | undefined): string {
  return String(Number((100 * Number(share ?? 0)).toFixed(3)));
}

// What of the labels is checked, and what follows from an alarm.
export function Control({ project, reload }: Props) {
  const planted = useSignal(percentOf(project.plantedShare));
  const overlap = useSignal(percentOf(project.overlapShare));
  const pauses = useSignal(project.pauseOnAlarm ?? false);
  const reveals = useSignal(project.revealPlanted ?? false);
  const change = useChange();
  function save(event: Event) {
    event.preventDefault();
    void change.run(async () => {
      await change.call("ProjectService", "setQualityControl", {
        project: project.name ?? "",
        plantedShare: Number(planted.value) / 100,
        overlapShare: Number(overlap.value) / 100,
        pauseOnAlarm: pauses.value,
        revealPlanted: reveals.value,
      });
      await reload();
    }, "Saved.");
  }
  const share = (text: typeof planted, words: string, most: number) => (
    <label>
      <input
        type="number"
        min={0}
        max={most}
        step="any"
        required
        value={text.value}
        onInput={(event) => (text.value = event.currentTarget.value)}
      />{" "}
      {words}
    </label>
  );
  const choice = (is: typeof pauses, words: string) => (
    <label>
      <input
        type="checkbox"
        checked={is.value}
        onChange={(event) => (is.value = event.currentTarget.checked)}
      />{" "}
      {words}
    </label>
  );
  return (
    <section class="part control" aria-labelledby="control">
      <h3 id="control">How labels are checked</h3>
      <form onSubmit={save}>
        {share(planted, "% of an annotator's assisted tasks have a planted error, at most 20", 20)}
        {share(overlap, "% of the pool's answers are given to a second person, at most 50", 50)}
        {choice(pauses, "An alarm pauses the person whom it is about")}
        {choice(reveals, "People are told which of their answers were to planted tasks")}
        <button type="submit" disabled={change.isBusy}>
          Save
        </button>
      </form>
      <Said change={change} />
      <p class="faint">
        An alarm is raised about a whole window of answers: 12 planted tasks, or 240 assisted ones. It gives a
        fifth of the person's assisted answers to somebody else, the doubtful ones first.
      </p>
    </section>
  );
}
