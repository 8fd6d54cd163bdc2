import { useSignal } from "@preact/signals";
import type { ClassJson } from "../../gen/loupe/v1/annotation_pb";
import { CLASS_KEYS, keyOf } from "../annotate/class_keys";
import { Swatch } from "../annotate/class_panel";
import { shownColour } from "../annotate/palette";
import { useChange, type Change } from "../dashboards/change";
import { Downloads } from "../dashboards/downloads";
import type { Column } from "../dashboards/columns";
import type { ProjectPageProps } from "../dashboards/pages";
import { Said } from "../dashboards/said";
import { mayEngineer } from "../role";
import { warningsOf } from "./colours";

const columns: Column<ClassJson>[] = [
  { name: "label", title: "Label", value: ({ label }) => label },
  { name: "name", title: "Class", value: ({ name }) => name },
  { name: "color", title: "Colour", value: ({ display }) => display?.color || null },
  { name: "key", title: "Key", value: ({ display }) => display?.key || null },
  { name: "retired", title: "Retired", value: ({ retired }) => retired ?? false },
];

export function Classes({ project, reload, caller }: ProjectPageProps) {
  const name = project.name ?? "";
  const classes = project.classes ?? [];
  const used = classes.filter(({ retired }) => !retired);
  const retired = classes.filter((each) => each.retired);
  const mayChange = mayEngineer(caller.role);
  const change = useChange();
  const added = useSignal("");

  // Runs a change of the project, then shows what became of it, or what somebody else did meanwhile.
  const save = (work: () => Promise<unknown>, done: string) =>
    change.run(async () => {
      try {
        await work();
      } catch (refusal) {
        await reload().catch(() => undefined);
        throw refusal;
      }
      await reload();
    }, done);

  async function add(event: Event) {
    event.preventDefault();
    const text = added.value.trim();
    if (text === "") return;
    const request = { project: name, name: text };
    const done = `${text} was added. Images that were labelled without it are queued to be looked at for it.`;
    if (await save(() => change.call("ProjectService", "addClass", request), done)) added.value = "";
  }

  return (
    <section class="part" aria-labelledby="classes">
      <div class="part-head">
        <h3 id="classes">Classes</h3>
        <Downloads name={`${name}-classes`} columns={columns} rows={classes} />
      </div>
      <p class="faint">
        A class has a colour and a key on the annotation page. Without a key of its own it has a digit, by its
        place. Labels and models know classes by number, so a name can be changed at any time.
      </p>
      <ul class="card list classes">
        {used.map((each) => (
          <ClassRow
            key={each.label}
            project={name}
            one={each}
            used={used}
            mayChange={mayChange}
            change={change}
            save={save}
          />
        ))}
      </ul>
      {mayChange && <Said change={change} />}
      {mayChange &&
        warningsOf(classes).map((warning) => (
          <p key={warning} class="warning">
            {warning}
          </p>
        ))}
      {mayChange && (
        <form class="line" onSubmit={add}>
          <label>
            Another class
            <input
              maxLength={100}
              value={added.value}
              onInput={(event) => (added.value = event.currentTarget.value)}
              required
            />
          </label>
          <button type="submit" disabled={change.isBusy}>
            Add
          </button>
        </form>
      )}
      {retired.length > 0 && (
        <>
          <h4>Retired</h4>
          <p class="faint">Their boxes are kept. Nobody is offered them, and no model is trained on them.</p>
          <ul class="card list">
            {retired.map(({ label = 0, name: old }) => (
              <li key={label}>
                <Swatch label={label} /> <span class="name">{old}</span>
              </li>
            ))}
          </ul>
        </>
      )}
    </section>
  );
}

interface RowProps {
  project: string;
  one: ClassJson;
  used: readonly ClassJson[];
  mayChange: boolean;
  change: Change;
  save: (work: () => Promise<unknown>, done: string) => Promise<boolean>;
}

function ClassRow({ project, one, used, mayChange, change, save }: RowProps) {
  const { label = 0, name = "", display } = one;
  const isRenaming = useSignal(false);
  const isRetiring = useSignal(false);
  const text = useSignal(name);
  const own = display?.key ?? "";

  // The colour that a person picks, and the key; the other one stays.
  const show = (some: { color?: string; key?: string }, done: string) =>
    void save(
      () =>
        change.call("ProjectService", "setClassDisplay", {
          project,
          label,
          display: { color: display?.color ?? "", key: own, ...some },
          expected: { color: display?.color ?? "", key: own },
        }),
      done,
    );

  async function rename(event: Event) {
    event.preventDefault();
    const next = text.value.trim();
    const request = { project, label, name: next };
    const isDone = await save(
      () => change.call("ProjectService", "renameClass", request),
      `${name} is called ${next} now.`,
    );
    if (isDone) isRenaming.value = false;
  }
  const retire = () =>
    save(() => change.call("ProjectService", "retireClass", { project, label }), `${name} is retired.`);

  if (!mayChange) {
    return (
      <li>
        <Swatch label={label} />
        <span class="name">{name}</span>
        <kbd>{keyOf(label, used)}</kbd>
      </li>
    );
  }
  const taken = new Map(used.map((each) => [each.display?.key ?? "", each.name]));
  return (
    <li>
      <Swatch label={label} />
      {isRenaming.value ? (
        <form class="line" onSubmit={rename}>
          <input
            aria-label={`New name of ${name}`}
            maxLength={100}
            required
            value={text.value}
            onInput={(event) => (text.value = event.currentTarget.value)}
          />
          <button type="submit" disabled={change.isBusy}>
            Save
          </button>
          <button type="button" onClick={() => (isRenaming.value = false)}>
            Cancel
          </button>
        </form>
      ) : (
        <span class="name">{name}</span>
      )}
      <span class="looks">
        <label>
          Colour
          <input
            type="color"
            aria-label={`Colour of ${name}`}
            value={shownColour(one)}
            onChange={(event) => show({ color: event.currentTarget.value }, `${name} has another colour.`)}
          />
        </label>
        {display?.color && (
          <button
            type="button"
            aria-label={`Reset the colour of ${name}`}
            onClick={() => show({ color: "" }, `${name} has the palette's colour.`)}
          >
            Reset
          </button>
        )}
        <label>
          Key
          <select
            aria-label={`Key of ${name}`}
            value={own}
            onChange={(event) => show({ key: event.currentTarget.value }, `${name} has another key.`)}
          >
            <option value="">
              {own === "" ? `${keyOf(label, used) || "none"}, by its place` : "by its place"}
            </option>
            {CLASS_KEYS.map((key) => (
              <option key={key} value={key} disabled={key !== own && taken.has(key)}>
                {key}
                {key !== own && taken.has(key) ? `, of ${taken.get(key)}` : ""}
              </option>
            ))}
          </select>
        </label>
      </span>
      <span class="ways">
        {!isRenaming.value && (
          <button type="button" aria-label={`Rename ${name}`} onClick={() => (isRenaming.value = true)}>
            Rename
          </button>
        )}
        {isRetiring.value ? (
          <>
            <button type="button" class="danger" disabled={change.isBusy} onClick={retire}>
              Retire {name} for good
            </button>
            <button type="button" onClick={() => (isRetiring.value = false)}>
              Keep
            </button>
          </>
        ) : (
          <button type="button" aria-label={`Retire ${name}`} onClick={() => (isRetiring.value = true)}>
            Retire…
          </button>
        )}
      </span>
    </li>
  );
}
