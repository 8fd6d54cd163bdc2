import { useRef } from "preact/hooks";
import { CLASS_KEYS } from "../annotate/class_keys";
import { shownColour } from "../annotate/palette";
import { useChange } from "../dashboards/change";
import { FoundDraft, useDraft } from "../dashboards/draft";
import type { PageProps } from "../dashboards/pages";
import { Said } from "../dashboards/said";
import { Title } from "../dashboards/title";
import { pageAddress } from "../route";
import { warningsOf } from "./colours";
import "./setup.css";

interface Row {
  readonly id: number;
  readonly name: string;
  readonly color: string; // empty: by the palette
  readonly key: string; // empty: by its place
}

interface Form {
  readonly name: string;
  readonly rows: readonly Row[];
  readonly share: string;
  readonly target: string;
}

const empty: Form = {
  name: "",
  rows: [{ id: 1, name: "", color: "", key: "" }],
  share: "15",
  target: "200",
};

// A project from nothing.
export function NewProject({ caller }: PageProps) {
  const draft = useDraft<Form>(`${caller.id ?? ""} new project`);
  const form = draft.value ?? empty;
  const { name, rows, share, target } = form;
  const change = useChange();
  const takesFocus = useRef(0); // id of a row that is about to come
  const named = rows.filter((row) => row.name.trim() !== "");

  const put = (some: Partial<Form>) => draft.set({ ...form, ...some });
  function putRow(id: number, some: Partial<Row>) {
    put({ rows: rows.map((row) => (row.id === id ? { ...row, ...some } : row)) });
  }
  function add() {
    const id = 1 + Math.max(...rows.map((row) => row.id));
    takesFocus.current = id;
    put({ rows: [...rows, { id, name: "", color: "", key: "" }] });
  }
  // Enter goes on to the next name: there is often more than one.
  function press(event: KeyboardEvent, i: number) {
    if (event.key !== "Enter" || event.isComposing) return;
    event.preventDefault();
    const next = (event.currentTarget as Element).closest("li")!.nextElementSibling;
    if (next) next.querySelector("input")!.focus();
    else if (rows[i]!.name.trim() !== "") add();
  }
  async function make(event: Event) {
    event.preventDefault();
    const request = {
      name: name.trim(),
      classes: named.map((row) => row.name.trim()),
      displays: named.map(({ color, key }) => ({ color, key })),
      holdoutFraction: Number(share) / 100,
      holdoutTarget: Number(target),
    };
    if (await change.run(() => change.call("ProjectService", "createProject", request))) {
      draft.set(null);
      location.hash = pageAddress("setup", request.name, "", { part: "import" });
    }
  }
  const warnings = warningsOf(
    named.map(({ name: text, color }, i) => ({ label: i + 1, name: text, display: { color } })),
  );

  return (
    <main class="setup new-project">
      <Title text="New project" />
      <FoundDraft draft={draft} />
      <form onSubmit={make}>
        <label>
          <strong>Name</strong>
          <input
            maxLength={100}
            required
            pattern="[A-Za-z0-9._\-]+"
            title="Letters, digits, hyphens, underscores and full stops, without spaces"
            value={name}
            onInput={(event) => put({ name: event.currentTarget.value })}
          />
          <span class="faint">
            Letters, digits, hyphens, underscores and full stops. It stands in links, and can be changed.
          </span>
        </label>
        <fieldset>
          <legend>Classes</legend>
          <p class="faint">
            What people draw boxes around. More can be added later; images that were labelled before are then
            looked at again. A key chooses the class on the annotation page.
          </p>
          <ul class="class-rows">
            {rows.map((row, i) => (
              <li key={row.id}>
                <input
                  ref={(field) => {
                    if (takesFocus.current !== row.id) return;
                    takesFocus.current = 0;
                    field?.focus();
                  }}
                  aria-label={`Name of class ${i + 1}`}
                  placeholder="such as scratch"
                  maxLength={100}
                  value={row.name}
                  onInput={(event) => putRow(row.id, { name: event.currentTarget.value })}
                  onKeyDown={(event) => press(event, i)}
                />
                <input
                  type="color"
                  aria-label={`Colour of class ${i + 1}`}
                  value={shownColour({ label: i + 1, display: { color: row.color } })}
                  onInput={(event) => putRow(row.id, { color: event.currentTarget.value })}
                />
                <select
                  aria-label={`Key of class ${i + 1}`}
                  value={row.key}
                  onChange={(event) => putRow(row.id, { key: event.currentTarget.value })}
                >
                  <option value="">{i < 10 ? `key ${(i + 1) % 10}` : "no key"}</option>
                  {CLASS_KEYS.map((key) => (
                    <option
                      key={key}
                      value={key}
                      disabled={rows.some((other) => other.id !== row.id && other.key === key)}
                    >
                      {key}
                    </option>
                  ))}
                </select>
                <button
                  type="button"
                  aria-label={`Leave out class ${i + 1}`}
                  disabled={rows.length === 1}
                  onClick={() => put({ rows: rows.filter(({ id }) => id !== row.id) })}
                >
                  ✕
                </button>
              </li>
            ))}
          </ul>
          <button type="button" onClick={add}>
            Another class
          </button>
          {warnings.map((warning) => (
            <p key={warning} class="warning">
              {warning}
            </p>
          ))}
        </fieldset>
        <fieldset>
          <legend>Holdout</legend>
          <label>
            Share of the images, in per cent
            <input
              type="number"
              min={0}
              max={90}
              step="any"
              required
              value={share}
              onInput={(event) => put({ share: event.currentTarget.value })}
            />
            <span class="faint">
              Models are judged by the holdout and never trained on it. People label it without seeing
              predictions. With 0 no model can be judged, and every one is promoted. It can't be changed
              later.
            </span>
          </label>
          <label>
            How many of them are to be labelled
            <input
              type="number"
              min={0}
              max={1_000_000_000}
              required
              value={target}
              onInput={(event) => put({ target: event.currentTarget.value })}
            />
            <span class="faint">
              One task in five is of the holdout until so many are labelled. 200 tell a gain of some per cent;
              more make the intervals narrower.
            </span>
          </label>
        </fieldset>
        <Said change={change} />
        <button type="submit" class="primary" disabled={change.isBusy || named.length === 0}>
          Make the project
        </button>
      </form>
    </main>
  );
}
