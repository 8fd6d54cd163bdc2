import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";

export interface Series {
  readonly name: string;
  readonly values: readonly (number | null)[]; // at each x; null: none
  readonly colour: string; // a custom property, "--series-1" to "--series-6" or "--accent"; or "#rrggbb"
  readonly kind?: "line" | "dashed" | "points"; // default: line
  // An interval at each x: a band along a line, a whisker at a point.
  readonly low?: readonly (number | null)[];
  readonly high?: readonly (number | null)[];
}

interface Props {
  title: string;
  x: readonly number[]; // ascending, also equal ones; seconds since 1970, of days, where `xIsTime`
  notes?: readonly string[]; // at each x: what stands there; empty: nothing to say
  xName: string;
  xText: (x: number) => string;
  xIsTime?: boolean;
  yName: string;
  yText: (y: number) => string;
  yRange?: [number, number]; // default: what the values need
  series: readonly Series[];
  isStacked?: boolean; // bars on each other, in place of lines
  height?: number; // pixels
}

// Curves or stacked bars over x. The arrow keys walk along x; what stands there is read out, and all of it is
// in a table below.
export function Chart(props: Props) {
  const { title, x, notes = [], xName, xText, yName, yText, series, height = 260 } = props;
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const at = useSignal<number | null>(null);

  useEffect(() => {
    const holder = box.current!;
    const dark = matchMedia("(prefers-color-scheme: dark)");
    const make = () => {
      plot.current?.destroy();
      const options = optionsOf(props, holder, (i) => (at.value = i));
      plot.current = new uPlot(options, dataOf(props), holder);
    };
    make();
    const observer = new ResizeObserver(() => plot.current?.setSize({ width: holder.clientWidth, height }));
    observer.observe(holder);
    dark.addEventListener("change", make);
    return () => {
      observer.disconnect();
      dark.removeEventListener("change", make);
      plot.current?.destroy();
      plot.current = null;
    };
  }, [JSON.stringify([x, xName, series, props.isStacked, props.yRange, height])]);

  function walk(event: KeyboardEvent) {
    const last = x.length - 1;
    const now = at.value ?? -1;
    const places: Record<string, number> = {
      ArrowLeft: at.value === null ? last : Math.max(now - 1, 0),
      ArrowRight: Math.min(now + 1, last),
      Home: 0,
      End: last,
    };
    const i = places[event.key];
    if (i === undefined || last < 0) return;
    event.preventDefault();
    at.value = i;
    plot.current!.setCursor({ left: plot.current!.valToPos(x[i]!, "x"), top: -1 }, false);
  }

  const place = (i: number) => [xText(x[i]!), notes[i]].filter(Boolean).join(", ");
  const told = (each: Series, i: number) => {
    const [value, low, high] = [each.values[i], each.low?.[i], each.high?.[i]];
    if (value === null || value === undefined) return "";
    const range =
      typeof low === "number" && typeof high === "number" ? ` (${yText(low)} to ${yText(high)})` : "";
    return `${yText(value)}${range}`;
  };
  const i = at.value !== null && at.value < x.length ? at.value : null;
  return (
    <figure class="chart">
      <ul class="legend" aria-hidden="true">
        {series.map((each) => (
          <li key={each.name} class={each.kind}>
            <svg viewBox="0 0 20 10" style={{ color: paintOf(each.colour) }}>
              {each.kind === "points" ? <circle cx="10" cy="5" r="4" /> : <path d="M0 5H20" />}
            </svg>
            {each.name}
          </li>
        ))}
      </ul>
      <div
        ref={box}
        class="plot"
        tabIndex={0}
        role="application"
        aria-roledescription="chart"
        aria-label={`${title}: ${yName} by ${xName}. The arrow keys walk along it.`}
        onKeyDown={walk}
      />
      <p class="faint readout" role="status">
        {i === null
          ? `${yName} by ${xName}`
          : [
              place(i),
              ...series.filter((each) => told(each, i) !== "").map((each) => `${each.name} ${told(each, i)}`),
            ].join(" · ")}
      </p>
      <details>
        <summary>As a table</summary>
        <div class="scroll" tabIndex={0} role="group" aria-label={`${title}, as a table`}>
          <table>
            <thead>
              <tr>
                <th scope="col" class="text">
                  {xName}
                </th>
                {series.map((each) => (
                  <th key={each.name} scope="col" class="number">
                    {each.name}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {x.map((_, k) => (
                <tr key={k}>
                  <th scope="row" class="text">
                    {place(k)}
                  </th>
                  {series.map((each) => (
                    <td key={each.name} class="number">
                      {told(each, k)}
                    </td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      </details>
    </figure>
  );
}

// Colours of classes are made for dark pictures: on a light page they are darker.
function paintOf(colour: string): string {
  if (colour.startsWith("--")) return `var(${colour})`;
  return `color-mix(in srgb, ${colour} var(--class-share), #000000)`;
}

// uPlot's columns: x, then each series, a band's two ends after its line. Stacked: the sums, the highest first,
// so that each bar is painted over the one that it stands on.
function dataOf({ x, series, isStacked }: Props): uPlot.AlignedData {
  if (isStacked) {
    const sums = x.map(() => 0);
    const layers = series.map(({ values }) => values.map((value, i) => (sums[i]! += value ?? 0)));
    return [[...x], ...layers.reverse()];
  }
  const columns = series.flatMap((each) =>
    isBand(each) ? [each.values, each.low!, each.high!] : [each.values],
  );
  return [[...x], ...columns.map((column) => [...column])];
}

function isBand({ kind, low, high }: Series): boolean {
  return kind !== "points" && low !== undefined && high !== undefined;
}

function optionsOf(props: Props, box: HTMLElement, walkedTo: (i: number | null) => void): uPlot.Options {
  const { series, xText, xIsTime = false, yText, yRange, isStacked, height = 260 } = props;
  const colour = (name: string) => {
    box.style.color = paintOf(name);
    return getComputedStyle(box).color;
  };
  const axis = {
    stroke: colour("--faint"),
    grid: { stroke: colour("--line"), width: 1 },
    ticks: { stroke: colour("--line"), width: 1 },
    font: "13px system-ui, sans-serif",
  };
  const bands: uPlot.Band[] = [];
  const shown: uPlot.Series[] = [{}];
  for (const each of isStacked ? [...series].reverse() : series) {
    const stroke = colour(each.colour);
    if (isStacked) {
      shown.push({
        stroke,
        fill: stroke,
        paths: uPlot.paths.bars!({ size: [0.8, 60] }),
        points: { show: false },
      });
      continue;
    }
    const isPoints = each.kind === "points";
    shown.push({
      stroke,
      width: isPoints ? 0 : 2,
      spanGaps: true,
      ...(each.kind === "dashed" ? { dash: [6, 4] } : {}),
      points: { show: isPoints || each.values.length < 2, size: 8, fill: stroke, stroke },
    });
    if (!isBand(each)) continue;
    const edge = { stroke: "transparent", width: 0, points: { show: false }, spanGaps: true };
    const fill = `color-mix(in srgb, ${stroke} 20%, transparent)`;
    bands.push({ series: [shown.length + 1, shown.length], fill });
    shown.push(edge, edge);
  }
  return {
    width: box.clientWidth,
    height,
    legend: { show: false },
    cursor: { y: false, drag: { setScale: false, x: false, y: false } },
    tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "Etc/UTC"),
    scales: {
      x: { time: xIsTime, ...(isStacked ? { range: barRange } : hasPoints(props) ? { range: pointRange } : {}) },
      y: { range: (_plot, low, high) => yRange ?? niceRange(low, high, props) },
    },
    axes: [
      {
        ...axis,
        space: 80,
        size: 32,
        values: (_plot, ticks) => ticks.map((tick) => (xIsTime && tick % DAY !== 0 ? "" : xText(tick))),
      },
      { ...axis, size: 64, values: (_plot, ticks) => ticks.map(yText) },
    ],
    bands,
    series: shown,
    hooks: {
      setCursor: [(plot) => walkedTo(plot.cursor.idx ?? null)],
      draw: [(plot) => drawWhiskers(plot, props, colour)],
    },
  };
}

const DAY = 24 * 3600; // seconds
const WEEK = 7 * DAY;

// Room for half a bar at both ends. Not of uPlot's own ends: around a single time it puts three years.
function barRange(plot: uPlot): uPlot.Range.MinMax {
  const x = plot.data[0];
  const steps = x.slice(1).map((value, i) => value - x[i]!);
  const half = (steps.length > 0 ? Math.min(...steps) : WEEK) / 2;
  return [(x[0] ?? 0) - half, (x.at(-1) ?? 0) + half];
}

function hasPoints({ series }: Props): boolean {
  return series.some(({ kind }) => kind === "points");
}

// Room for the first and the last point.
function pointRange(plot: uPlot, low: number, high: number): uPlot.Range.MinMax {
  const room = plot.data[0].length > 1 ? 0.03 * (high - low) : 0;
  return [low - room, high + room];
}

// Room for all values and intervals.
function niceRange(low: number, high: number, { series, isStacked }: Props): uPlot.Range.MinMax {
  const ends = series.flatMap((each) => [...(each.low ?? []), ...(each.high ?? [])]);
  const known = [low, high, ...ends].filter((value): value is number => Number.isFinite(value));
  if (known.length === 0) return [0, 1];
  const least = isStacked ? 0 : Math.min(...known);
  const [from, to] = uPlot.rangeNum(least, Math.max(...known), 0.1, true);
  return [isStacked ? 0 : from!, to!];
}

function drawWhiskers(plot: uPlot, { x, series }: Props, colour: (property: string) => string): void {
  const { ctx } = plot;
  ctx.save();
  ctx.lineWidth = 2 * devicePixelRatio;
  for (const { kind, low, high, colour: property } of series) {
    if (kind !== "points" || !low || !high) continue;
    ctx.strokeStyle = colour(property);
    ctx.beginPath();
    x.forEach((value, i) => {
      const [from, to] = [low[i], high[i]];
      if (typeof from !== "number" || typeof to !== "number") return;
      const left = plot.valToPos(value, "x", true);
      ctx.moveTo(left, plot.valToPos(from, "y", true));
      ctx.lineTo(left, plot.valToPos(to, "y", true));
    });
    ctx.stroke();
  }
  ctx.restore();
}
