import { useSignal } from "@preact/signals";
import { ApiError, call } from "../api";
import { useAnswer } from "../dashboards/answer";
import { useChange } from "../dashboards/change";
import type { ProjectPageProps } from "../dashboards/pages";
import { Said } from "../dashboards/said";
import { mayAdminister } from "../role";
import { latestRound } from "../rounds/latest_round";
import { pageAddress } from "../route";

// Name and intensity range of a project, what is fixed, and its end.
export function Settings(page: ProjectPageProps) {
  return (
    <div class="settings">
      <Fixed {...page} />
      <Rename {...page} />
      <IntensityRange {...page} />
      {mayAdminister(page.caller.role) && <Delete {...page} />}
    </div>
  );
}

function Fixed({ project }: ProjectPageProps) {
  const share = Math.round(Number(project.holdoutFraction ?? 0) * 1000) / 10;
  return (
    <section class="part" aria-labelledby="fixed">
      <h3 id="fixed">Holdout</h3>
      <p>
        {share} % of the images belong to the holdout, by which models are judged and on which none is
        trained. Of them {project.holdoutTarget} are to be labelled. This was decided when the project was
        made, and can't be changed: figures from before and after would not compare.
      </p>
    </section>
  );
}

function Rename({ project }: ProjectPageProps) {
  const old = project.name ?? "";
  const name = useSignal(old);
  const change = useChange();
  async function rename(event: Event) {
    event.preventDefault();
    const next = name.value.trim();
    const request = { project: old, name: next };
    if (await change.run(() => change.call("ProjectService", "renameProject", request))) {
      location.hash = pageAddress("setup", next, "", { part: "settings" });
    }
  }
  return (
    <section class="part" aria-labelledby="name">
      <h3 id="name">Name</h3>
      <form class="line" onSubmit={rename}>
        <input
          aria-labelledby="name"
          maxLength={100}
          required
          value={name.value}
          onInput={(event) => (name.value = event.currentTarget.value)}
        />
        <button type="submit" disabled={change.isBusy || name.value.trim() === old}>
          Rename
        </button>
      </form>
      <p class="faint">Links that have the old name lead nowhere then.</p>
      <Said change={change} />
    </section>
  );
}

function IntensityRange({ project, reload }: ProjectPageProps) {
  const low = useSignal(String(project.intensityRange?.low ?? 0));
  const high = useSignal(String(project.intensityRange?.high ?? 65535));
  const change = useChange();
  const { value: latest } = useAnswer(() => latestRound(project.name ?? ""), [project.name]);
  const isFixed = latest !== null && latest.round !== null;
  function save(event: Event) {
    event.preventDefault();
    const intensityRange = { low: Number(low.value), high: Number(high.value) };
    void change.run(async () => {
      const request = { project: project.name ?? "", intensityRange };
      await change.call("ProjectService", "setIntensityRange", request);
      await reload();
    }, "Saved.");
  }
  const level = (text: typeof low, name: string) => (
    <label>
      {name}
      <input
        type="number"
        min={0}
        max={65535}
        required
        disabled={isFixed}
        value={text.value}
        onInput={(event) => (text.value = event.currentTarget.value)}
      />
    </label>
  );
  return (
    <section class="part" aria-labelledby="range">
      <h3 id="range">Intensity range</h3>
      <p class="faint">
        Of pictures with 16 bits: which levels are black, and white. A camera of 12 bits uses 0 to 4095.{" "}
        {isFixed
          ? "It can't be changed any more: a round has begun, and models are trained with it."
          : "It can't be changed after the first round, since models are trained with it."}
      </p>
      <form class="line" onSubmit={save}>
        {level(low, "Black")}
        {level(high, "White")}
        <button type="submit" disabled={change.isBusy || isFixed}>
          Save
        </button>
      </form>
      <Said change={change} />
    </section>
  );
}

// The answer to an earlier request may have been lost.
function unlessGone(refusal: unknown): void {
  if (!(refusal instanceof ApiError && refusal.reason === "NO_SUCH_PROJECT")) throw refusal;
}

function Delete({ project }: ProjectPageProps) {
  const name = project.name ?? "";
  const typed = useSignal("");
  const change = useChange();
  async function remove(event: Event) {
    event.preventDefault();
    const request = { project: name, confirm: typed.value };
    const deletion = () => call("ProjectService", "deleteProject", request).catch(unlessGone);
    if (await change.run(deletion)) location.hash = "#";
  }
  return (
    <section class="part" aria-labelledby="delete">
      <h3 id="delete">Delete the project</h3>
      <p>
        Its rounds end, and all its pictures are erased, unless another project has them. Nobody can undo
        this.
      </p>
      <form class="line" onSubmit={remove}>
        <label>
          Type {name} to confirm
          <input
            autocomplete="off"
            value={typed.value}
            onInput={(event) => (typed.value = event.currentTarget.value)}
          />
        </label>
        <button type="submit" class="danger" disabled={change.isBusy || typed.value !== name}>
          Delete {name} for good
        </button>
      </form>
      <Said change={change} />
    </section>
  );
}
