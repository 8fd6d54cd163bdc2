import { useSignal } from "@preact/signals";
import { useRef } from "preact/hooks";
import { CLASS_KEYS } from "../annotate/class_keys";
import { shownColour } from "../annotate/palette";
import { newRequestId } from "../annotate/request_id";
import { call } from "../api";
import type { PageProps } from "../dashboards/pages";
import { Title } from "../dashboards/title";
import { mayEngineer } from "../role";
import { pageAddress } from "../route";
import { useChange } from "./change";
import { warningsOf } from "./colours";
import { OnlyFor } from "./only_for";
import { Said } from "./said";
import "./setup.css";

interface Row {
  readonly id: number;
  readonly name: string;
  readonly color: string; // empty: by the palette
  readonly key: string; // empty: by its place
}

// A project from nothing.
export function NewProject({ caller }: PageProps) {
  if (!mayEngineer(caller.role)) return <OnlyFor whom="engineers and admins" what="make projects" />;
  return <NewProjectForm />;
}

function NewProjectForm() {
  const name = useSignal("");
  const rows = useSignal<readonly Row[]>([{ id: 1, name: "", color: "", key: "" }]);
  const share = useSignal("15");
  const target = useSignal("200");
  const change = useChange();
  const takesFocus = useRef(0); // id of a row that is about to come
  const named = rows.value.filter((row) => row.name.trim() !== "");

  function put(id: number, some: Partial<Row>) {
    rows.value = rows.value.map((row) => (row.id === id ? { ...row, ...some } : row));
  }
  function add() {
    const id = 1 + Math.max(...rows.value.map((row) => row.id));
    takesFocus.current = id;
    rows.value = [...rows.value, { id, name: "", color: "", key: "" }];
  }
  // Enter goes on to the next name: there is often more than one.
  function press(event: KeyboardEvent, i: number) {
    if (event.key !== "Enter" || event.isComposing) return;
    event.preventDefault();
    const next = (event.currentTarget as Element).closest("li")!.nextElementSibling;
    if (next) next.querySelector("input")!.focus();
    else if (rows.value[i]!.name.trim() !== "") add();
  }
  async function make(event: Event) {
    event.preventDefault();
    const request = {
      requestId: newRequestId(),
      name: name.value.trim(),
      classes: named.map((row) => row.name.trim()),
      displays: named.map(({ color, key }) => ({ color, key })),
      holdoutFraction: Number(share.value) / 100,
      holdoutTarget: Number(target.value),
    };
    if (await change.run(() => call("ProjectService", "createProject", request))) {
      location.hash = pageAddress("setup", request.name, "", { part: "import" });
    }
  }
  const warnings = warningsOf(
    named.map(({ name: text, color }, i) => ({ label: i + 1, name: text, display: { color } })),
  );

  return (
    <main class="setup new-project">
      <Title text="New project" />
      <form onSubmit={make}>
        <label>
          <strong>Name</strong>
          <input
            maxLength={100}
            required
            pattern="[A-Za-z0-9._\-]+"
            title="Letters, digits, hyphens, underscores and full stops, without spaces"
            value={name.value}
            onInput={(event) => (name.value = event.currentTarget.value)}
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
            {rows.value.map((row, i) => (
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
                  onInput={(event) => put(row.id, { name: event.currentTarget.value })}
                  onKeyDown={(event) => press(event, i)}
                />
                <input
                  type="color"
                  aria-label={`Colour of class ${i + 1}`}
                  value={shownColour({ label: i + 1, display: { color: row.color } })}
                  onInput={(event) => put(row.id, { color: event.currentTarget.value })}
                />
                <select
                  aria-label={`Key of class ${i + 1}`}
                  value={row.key}
                  onChange={(event) => put(row.id, { key: event.currentTarget.value })}
                >
                  <option value="">{i < 10 ? `key ${(i + 1) % 10}` : "no key"}</option>
                  {CLASS_KEYS.map((key) => (
                    <option
                      key={key}
                      value={key}
                      disabled={rows.value.some((other) => other.id !== row.id && other.key === key)}
                    >
                      {key}
                    </option>
                  ))}
                </select>
                <button
                  type="button"
                  aria-label={`Leave out class ${i + 1}`}
                  disabled={rows.value.length === 1}
                  onClick={() => (rows.value = rows.value.filter(({ id }) => id !== row.id))}
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
              value={share.value}
              onInput={(event) => (share.value = event.currentTarget.value)}
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
              value={target.value}
              onInput={(event) => (target.value = event.currentTarget.value)}
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
