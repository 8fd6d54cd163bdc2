import { useSignal } from "@preact/signals";
import { useEffect, useMemo } from "preact/hooks";
import type { ProjectJson } from "../../gen/loupe/v1/project_pb";
import type { RoleJson } from "../../gen/loupe/v1/token_pb";
import { call } from "../api";
import { useAnswer, usePages, useRepeat } from "../dashboards/answer";
import { Downloads } from "../dashboards/downloads";
import { Empty } from "../dashboards/empty";
import { percent } from "../dashboards/formats";
import type { ProjectPageProps } from "../dashboards/pages";
import { Loading } from "../dashboards/part";
import type { DrawnBox } from "../dashboards/thumbnail";
import { Title } from "../dashboards/title";
import { Trouble } from "../failure";
import { mayEngineer } from "../role";
import { changeQuery, pageAddress } from "../route";
import { counted } from "../words";
import { Actions } from "./actions";
import { columns } from "./files";
import { activeIn, filterOf, orderIn, type Active } from "./filters";
import { Chips, FilterBar } from "./filter_bar";
import { Grid } from "./grid";
import "./images.css";
import { nothing, type Selection } from "./selection";
import type { Tile } from "./tile";
import { TruthBoxes } from "./truth_boxes";

const FIRST_PAGE = 100; // images: what is seen at once, and some more
const PAGE = 500;
const SIMILAR = 100;
const PREPARING_PERIOD = 2000; // milliseconds
const NO_BOXES: ReadonlyMap<string, readonly DrawnBox[]> = new Map();

// The images of a project, found by filters, or by one that they look like.
export function Images(props: ProjectPageProps) {
  const like = props.query.get("like") ?? "";
  return like === "" ? <Found {...props} /> : <Similar key={like} {...props} like={like} />;
}

function Found({ project, query, caller }: ProjectPageProps) {
  const name = project.name ?? "";
  const active = activeIn(query);
  const order = orderIn(query);
  const inputs = [name, JSON.stringify(filterOf(active)), order.value];
  const pages = usePages(async (pageToken) => {
    const answer = await call("ImageService", "searchImages", {
      project: name,
      filter: filterOf(active),
      order: order.order ?? "IMAGE_ORDER_UNSPECIFIED",
      descending: order.descending ?? false,
      pageSize: pageToken === "" ? FIRST_PAGE : PAGE,
      pageToken,
    });
    const { nextPageToken = "", total, isBehind } = answer;
    const rows: readonly Tile[] = answer.images ?? [];
    // Without a total: too many to count quickly.
    return { rows, nextPageToken, total, isBehind };
  }, inputs);
  const { rows, first, last, error, hasMore, isLoading, more } = pages;
  // The last page came without an image: the search goes on when the person says so.
  const rests = last?.rows.length === 0;
  return (
    <main class="images">
      <Title text="Images">
        {rows && rows.length > 0 && <Downloads name={`${name}-images`} columns={columns} rows={rows} />}
      </Title>
      <FilterBar project={project} query={query} active={active} />
      <div class="summary">
        <p class="faint" role="status">
          {first && rows && summaryOf(rows.length, first.total, hasMore)}
          {first?.isBehind && " Many images have changed lately: the newest changes show within minutes."}
        </p>
        {rows && rows.length > 0 && <BoxChoice query={query} />}
      </div>
      {rows?.length === 0 && !hasMore && <NothingFound project={project} active={active} role={caller.role} />}
      {rows && rows.length > 0 && (
        <Pictures
          key={inputs.join("\n")}
          project={project}
          role={caller.role}
          tiles={rows}
          query={query}
          reachEnd={() => hasMore && !error && !rests && void more()}
        />
      )}
      {error && <Trouble error={error} retry={() => void more()} />}
      {!error && (rows === null || (isLoading && rows.length > 0)) && <Loading />}
      {!error && hasMore && rests && !isLoading && (
        <p>
          Nothing more was found so far, and not all images are searched.{" "}
          <button type="button" onClick={() => void more()}>
            Go on
          </button>
        </p>
      )}
    </main>
  );
}

function summaryOf(read: number, total: string | undefined, hasMore: boolean): string {
  if (!hasMore) return counted(read, "image.", "images.");
  if (total === undefined) return `${counted(read, "image", "images")} so far, and more.`;
  return counted(Number(total), "image.", "images.");
}

interface NothingProps {
  project: ProjectJson;
  active: readonly Active[];
  role: RoleJson | undefined;
}

function NothingFound({ project, active, role }: NothingProps) {
  if (active.length === 0) {
    return (
      <Empty>
        The project has no images.{" "}
        {mayEngineer(role) && (
          <a href={pageAddress("setup", project.name ?? "", "", { part: "import" })}>Import pictures</a>
        )}
      </Empty>
    );
  }
  return (
    <Empty>
      {active.length === 1 ? "No image matches this filter. Drop it:" : "No image matches all of these. Drop one:"}
      <Chips active={active} />
    </Empty>
  );
}

function Similar({ project, query, caller, like }: ProjectPageProps & { like: string }) {
  const name = project.name ?? "";
  const answer = useAnswer(
    () => call("ImageService", "findSimilarImages", { project: name, imageId: like, count: SIMILAR }),
    [name, like],
  );
  const { value, error, load } = answer;
  const prepared = Number(value?.prepared ?? 0);
  const isPreparing = value !== null && prepared < 1;
  useRepeat(async () => (isPreparing ? load() : undefined), PREPARING_PERIOD, [name, like]);
  const tiles = useMemo(
    () => (value?.images ?? []).map((one): Tile => ({ image: one.image!, similarity: Number(one.similarity ?? 0) })),
    [value],
  );
  return (
    <main class="images">
      <Title text={`Images like image ${like}`}>
        {tiles.length > 0 && <Downloads name={`${name}-like-${like}`} columns={columns} rows={tiles} />}
      </Title>
      <p>
        <a href={pageAddress("image", name, like)}>Image {like}</a> ·{" "}
        <a href={pageAddress("images", name)}>All images</a>
      </p>
      {error && <Trouble error={error} retry={() => void load()} />}
      {!value && !error && <Loading />}
      {value && (
        <div class="summary">
          <p class="faint" role="status">
            {isPreparing
              ? `The search is being prepared: ${percent(prepared, 0)} of the images are compared so far.`
              : `The most similar images of the pool, as model ${value.model} sees them; 1 is the same.`}
          </p>
          {tiles.length > 0 && <BoxChoice query={query} />}
        </div>
      )}
      {value && tiles.length === 0 && !isPreparing && (
        <Empty>The pool has no other image that the model has predicted.</Empty>
      )}
      {tiles.length > 0 && (
        <Pictures
          project={project}
          role={caller.role}
          tiles={tiles}
          query={query}
          reachEnd={() => undefined}
        />
      )}
    </main>
  );
}

const showsBoxes = (query: URLSearchParams) => query.get("boxes") !== "no";

function BoxChoice({ query }: { query: URLSearchParams }) {
  return (
    <label class="check">
      <input
        type="checkbox"
        checked={showsBoxes(query)}
        onChange={(event) => changeQuery({ boxes: event.currentTarget.checked ? undefined : "no" }, { replace: true })}
      />
      Boxes of the labels
    </label>
  );
}

// Another question drops the selection: its key is what is asked.
interface PicturesProps {
  project: ProjectJson;
  role: RoleJson | undefined;
  tiles: readonly Tile[];
  query: URLSearchParams;
  reachEnd: () => void;
}

function Pictures({ project, role, tiles, query, reachEnd }: PicturesProps) {
  const name = project.name ?? "";
  const selection = useSignal<Selection<Tile>>(nothing());
  const changes = useSignal<ReadonlyMap<string, string>>(new Map());
  const acted = useSignal(false);
  const truth = useMemo(() => new TruthBoxes(name), [name]);
  useEffect(() => () => truth.end(), [truth]);
  const hidesBoxes = !showsBoxes(query);
  const select = (next: Selection<Tile>) => (selection.value = next);
  return (
    <>
      <Grid
        project={project}
        tiles={tiles}
        selection={selection.value}
        select={select}
        boxes={hidesBoxes ? NO_BOXES : truth.byImage.value}
        changes={changes.value}
        seen={(seen, isEnd) => {
          if (!hidesBoxes) void truth.read(seen);
          if (isEnd) reachEnd();
        }}
      />
      {(selection.value.rows.size > 0 || acted.value) && (
        <Actions
          project={project}
          role={role}
          selected={selection.value.rows}
          changes={changes.value}
          dismiss={() => (acted.value = false)}
          clear={() => select(nothing())}
          changed={(ids, change) => {
            acted.value = true;
            selection.value = nothing();
            changes.value = new Map([...changes.value, ...ids.map((id) => [id, change] as const)]);
          }}
        />
      )}
    </>
  );
}
