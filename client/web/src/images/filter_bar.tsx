import { useSignal } from "@preact/signals";
import { useLayoutEffect, useRef } from "preact/hooks";
import type { ProjectJson } from "../../gen/loupe/v1/project_pb";
import { call } from "../api";
import { changeQuery, pageAddress } from "../route";
import { guarded } from "../session";
import { filters, orderIn, orders, type Active, type Filter } from "./filters";

interface Props {
  project: ProjectJson;
  query: URLSearchParams;
  active: readonly Active[];
}

// The filters that are set, as chips, and a way to set others.
export function FilterBar({ project, query, active }: Props) {
  const open = useSignal("");
  const others = filters.filter(({ name }) => !active.some(({ filter }) => filter.name === name));
  const opened = others.find(({ name }) => name === open.value);

  function set({ name }: Filter, value: string) {
    open.value = "";
    changeQuery({ [name]: value.trim() });
  }

  return (
    <div class="filters">
      <Chips active={active} />
      <select
        aria-label="Add a filter"
        value={open.value}
        onChange={(event) => (open.value = event.currentTarget.value)}
      >
        <option value="">Add a filter…</option>
        {others.map(({ name, title }) => (
          <option key={name} value={name}>
            {title}
          </option>
        ))}
      </select>
      {opened && <Editor key={opened.name} filter={opened} project={project} set={(value) => set(opened, value)} />}
      <label class="order">
        Order
        <select
          value={orderIn(query).value}
          onChange={(event) => changeQuery({ order: event.currentTarget.value })}
        >
          {orders.map(({ value, text }) => (
            <option key={value} value={value}>
              {text}
            </option>
          ))}
        </select>
      </label>
      <GoTo project={project.name ?? ""} />
    </div>
  );
}

export function Chips({ active }: { active: readonly Active[] }) {
  if (active.length === 0) return null;
  return (
    <ul class="chips" aria-label="Filters">
      {active.map(({ filter, value }) => (
        <li key={filter.name}>
          <button
            type="button"
            class="chip"
            aria-label={`Drop the filter: ${filter.told(value)}`}
            onClick={() => changeQuery({ [filter.name]: undefined })}
          >
            {filter.told(value)} <span aria-hidden="true">×</span>
          </button>
        </li>
      ))}
    </ul>
  );
}

function Editor({ filter, project, set }: { filter: Filter; project: ProjectJson; set: (value: string) => void }) {
  const place = useRef<HTMLInputElement & HTMLSelectElement>(null);
  useLayoutEffect(() => place.current?.focus(), []);
  const choices =
    filter.name === "class"
      ? (project.classes ?? []).map(({ name = "" }) => ({ value: name, text: name }))
      : filter.choices;
  if (choices) {
    return (
      <select
        ref={place}
        aria-label={filter.title}
        value=""
        onChange={(event) => set(event.currentTarget.value)}
      >
        <option value="">{filter.title}…</option>
        {choices.map(({ value, text }) => (
          <option key={value} value={value}>
            {text}
          </option>
        ))}
      </select>
    );
  }
  return (
    <form
      class="editor"
      onSubmit={(event) => {
        event.preventDefault();
        set(new FormData(event.currentTarget).get("value") as string);
      }}
    >
      <label>
        {filter.title}{" "}
        {filter.type === "number" && (
          <input ref={place} name="value" required type="number" min={0} max={1} step={0.01} />
        )}
        {filter.type === "date" && <input ref={place} name="value" required type="date" />}
        {filter.type === undefined && <input ref={place} name="value" required maxLength={1000} />}
      </label>
      <button type="submit">Set</button>
    </form>
  );
}

// Goes to the page of an image by its id or name, or to the images whose names begin with a text.
function GoTo({ project }: { project: string }) {
  async function go(text: string) {
    const [, id] = /^#(\d+)$/.exec(text) ?? [];
    const found = id ?? (await idOfFile(project, text));
    if (found) location.hash = pageAddress("image", project, found);
    else changeQuery({ file: text, order: "name" });
  }
  return (
    <form
      class="editor"
      role="search"
      onSubmit={(event) => {
        event.preventDefault();
        void go((new FormData(event.currentTarget).get("file") as string).trim());
      }}
    >
      <label>
        Go to <input name="file" type="search" required placeholder="file name or #id" maxLength={1000} />
      </label>
    </form>
  );
}

// Of the image with exactly this name. Of all that begin with it, it comes first.
async function idOfFile(project: string, fileName: string): Promise<string | undefined> {
  const asked = { project, filter: { fileName }, order: "BY_FILE_NAME", pageSize: 1 } as const;
  const found = await guarded(call("ImageService", "searchImages", asked)).catch(() => null);
  const image = found?.images?.[0]?.image;
  return image?.fileName === fileName ? image.id : undefined;
}
