import { useSignal } from "@preact/signals";
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import type { ProjectJson } from "../../gen/loupe/v1/project_pb";
import { Thumbnail, type DrawnBox } from "../dashboards/thumbnail";
import { pageAddress } from "../route";
import { counted } from "../words";
import { extended, nothing, toggled, type Selection } from "./selection";
import { idOf, type Tile } from "./tile";
import { keepPlace, keptPlace } from "./kept_place";
import { layoutOf, placeAfter, rowsSeen } from "./window";

interface Props {
  project: ProjectJson;
  tiles: readonly Tile[];
  selection: Selection<Tile>;
  select: (selection: Selection<Tile>) => void;
  boxes: ReadonlyMap<string, readonly DrawnBox[]>;
  // What became of an image since the grid was read.
  changes: ReadonlyMap<string, string>;
  // Called with the tiles that are seen, and whether the last of them is.
  seen: (tiles: readonly Tile[], isEnd: boolean) => void;
}

const REST = 150; // milliseconds without scrolling

// Pictures in rows. Only those that are seen, and a few around them, are in the page.
export function Grid({ project, tiles, selection, select, boxes, changes, seen }: Props) {
  const grid = useRef<HTMLDivElement>(null);
  const width = useSignal(0);
  const span = useSignal({ first: 0, end: 0 });
  const active = useSignal(0);
  const movesFocus = useRef(false);
  const layout = layoutOf(width.value);
  const { columns, tileWidth, rowHeight } = layout;
  const returnsTo = useRef(keptPlace()); // null: the person is there, or never was
  const rows = Math.ceil(tiles.length / columns);

  useEffect(() => {
    const element = grid.current!;
    const look = () => {
      width.value = element.clientWidth;
      const { top } = element.getBoundingClientRect();
      const now = layoutOf(width.value);
      const next = rowsSeen(now, Math.ceil(tiles.length / now.columns), -top, innerHeight);
      if (next.first !== span.value.first || next.end !== span.value.end) span.value = next;
    };
    const pathNow = () => location.hash.split("?")[0];
    const path = pathNow();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const keepSoon = () => {
      clearTimeout(timer);
      timer = setTimeout(() => {
        if (returnsTo.current || pathNow() !== path) return;
        const now = layoutOf(width.value);
        const { top } = element.getBoundingClientRect();
        const row = Math.max(0, Math.floor(-top / now.rowHeight));
        keepPlace({ tile: row * now.columns, top: top + row * now.rowHeight });
      }, REST);
    };
    const scroll = () => {
      look();
      keepSoon();
    };
    look();
    const observer = new ResizeObserver(look);
    observer.observe(element);
    addEventListener("scroll", scroll, { passive: true });
    return () => {
      clearTimeout(timer);
      observer.disconnect();
      removeEventListener("scroll", scroll);
    };
  }, [tiles.length]);

  // Who comes back, or loads the page again, is where they were: once so many tiles are there.
  useLayoutEffect(() => {
    const place = returnsTo.current;
    if (!place || width.value === 0) return;
    if (place.tile >= tiles.length) return seen([], true);
    returnsTo.current = null;
    active.value = place.tile;
    const gridTop = grid.current!.getBoundingClientRect().top + scrollY;
    const row = Math.floor(place.tile / columns);
    scrollTo({ top: gridTop + row * rowHeight - place.top, behavior: "instant" });
  }, [tiles.length, width.value]);

  const { first, end } = span.value;
  useEffect(() => {
    if (width.value > 0) seen(tiles.slice(first * columns, end * columns), end >= rows);
  }, [first, end, columns, tiles.length]);

  const at = Math.min(active.value, Math.max(tiles.length - 1, 0));
  useLayoutEffect(() => {
    if (!movesFocus.current) return;
    movesFocus.current = false;
    const tile = grid.current!.querySelector<HTMLElement>(`[data-place="${at}"]`);
    tile?.focus({ preventScroll: true });
    tile?.scrollIntoView({ block: "nearest" });
  });

  const ids = () => tiles.map(idOf);
  function pick(place: number, isRange: boolean) {
    active.value = place;
    const tile = tiles[place]!;
    const id = idOf(tile);
    select(isRange ? extended(selection, id, ids(), (each) => tiles[each]!) : toggled(selection, id, tile));
  }

  function press(event: KeyboardEvent) {
    if (event.altKey || event.metaKey) return;
    const seenRows = Math.max(1, Math.floor(innerHeight / rowHeight) - 1);
    const next = placeAfter(event.key, at, tiles.length, columns, seenRows);
    if (next !== null) {
      event.preventDefault();
      movesFocus.current = true;
      if (event.shiftKey) {
        const from = selection.anchor === "" ? toggled(selection, idOf(tiles[at]!), tiles[at]!) : selection;
        select(extended(from, idOf(tiles[next]!), ids(), (each) => tiles[each]!));
      }
      active.value = next;
    } else if (event.key === " ") {
      event.preventDefault();
      pick(at, event.shiftKey);
    } else if (event.key === "Enter") {
      location.hash = addressOf(project, tiles[at]!);
    } else if (event.key === "Escape" && selection.rows.size > 0) {
      select(nothing());
    } else if (event.key === "a" && event.ctrlKey) {
      event.preventDefault();
      const all = { rows: new Map(), anchor: idOf(tiles[0]!) };
      select(extended(all, idOf(tiles.at(-1)!), ids(), (each) => tiles[each]!));
    }
  }

  // That of the active tile stays, so that it keeps the focus.
  const shown = new Set(Array.from({ length: end - first }, (_, i) => first + i));
  if (tiles.length > 0) shown.add(Math.floor(at / columns));
  return (
    <div
      ref={grid}
      class="grid"
      role="grid"
      aria-label="Images"
      aria-multiselectable="true"
      aria-rowcount={rows}
      aria-colcount={columns}
      style={{ height: `${rows * rowHeight}px` }}
      onKeyDown={press}
    >
      {[...shown]
        .filter((row) => row < rows)
        .sort((a, b) => a - b)
        .map((row) => (
          <div key={row} role="row" aria-rowindex={row + 1} class="row" style={{ top: `${row * rowHeight}px` }}>
            {tiles.slice(row * columns, (row + 1) * columns).map((tile, column) => {
              const place = row * columns + column;
              return (
                <Cell
                  key={idOf(tile)}
                  project={project}
                  tile={tile}
                  place={place}
                  width={tileWidth}
                  isActive={place === at}
                  isSelected={selection.rows.has(idOf(tile))}
                  boxes={boxes.get(idOf(tile)) ?? []}
                  change={changes.get(idOf(tile))}
                  pick={pick}
                />
              );
            })}
          </div>
        ))}
    </div>
  );
}

function addressOf(project: ProjectJson, tile: Tile): string {
  return pageAddress("image", project.name ?? "", idOf(tile));
}

interface CellProps {
  project: ProjectJson;
  tile: Tile;
  place: number;
  width: number;
  isActive: boolean;
  isSelected: boolean;
  boxes: readonly DrawnBox[];
  change: string | undefined;
  pick: (place: number, isRange: boolean) => void;
}

function Cell({ project, tile, place, width, isActive, isSelected, boxes, change, pick }: CellProps) {
  const name = tile.image?.fileName ?? "";
  return (
    <div
      class="tile"
      role="gridcell"
      aria-selected={isSelected}
      tabIndex={isActive ? 0 : -1}
      data-place={place}
      style={{ width: `${width}px` }}
      onClick={(event) => {
        if (!event.shiftKey && !event.ctrlKey) return;
        event.preventDefault();
        pick(place, event.shiftKey);
      }}
    >
      <a href={addressOf(project, tile)} tabIndex={-1} draggable={false}>
        <Thumbnail image={tile.image ?? {}} project={project} width={width} boxes={boxes} alt="" />
        <span class="file" title={name}>
          <bdi>{name}</bdi>
        </span>
      </a>
      <span class="faint">{change ?? factsOf(tile)}</span>
      <span
        class="tick"
        aria-hidden="true"
        title="Select"
        onClick={(event) => {
          event.stopPropagation();
          pick(place, event.shiftKey);
        }}
      >
        {isSelected ? "✓" : ""}
      </span>
    </div>
  );
}

// "2 boxes", "no label, 0.81"
function factsOf({ image, boxes = 0, score, similarity }: Tile): string {
  const facts = [];
  if (image?.state === "EXCLUDED") facts.push("excluded");
  if (image?.state === "SET_ASIDE") facts.push("set aside");
  if (similarity !== undefined) facts.push(`alike ${similarity.toFixed(3)}`);
  else facts.push(image?.labelled ? counted(boxes, "box", "boxes") : "no label");
  if (score !== undefined) facts.push(`score ${Number(score).toFixed(2)}`);
  return facts.join(", ");
}
