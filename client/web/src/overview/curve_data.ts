// The learning curve as a chart has it.

import type { CurveFitJson, CurveJson, CurvePointJson } from "../../gen/loupe/v1/insight_pb";
import { numberOf } from "../dashboards/formats";

export type Amount = "images" | "seconds";

export interface CurveData {
  readonly x: readonly number[];
  readonly ap50: readonly (number | null)[];
  readonly ap50Low: readonly (number | null)[];
  readonly ap50High: readonly (number | null)[];
  readonly fitted: readonly (number | null)[]; // up to now
  readonly forecast: readonly (number | null)[]; // from now on
  readonly forecastLow: readonly (number | null)[];
  readonly forecastHigh: readonly (number | null)[];
}

// Forecasts further away than this many times what is labelled would press the rounds together.
const FURTHEST = 4;

export function amountOf(point: CurvePointJson, by: Amount): number {
  return numberOf(point[by]);
}

export function fitOf(curve: CurveJson, by: Amount): CurveFitJson | undefined {
  return by === "images" ? curve.byImages : curve.bySeconds;
}

export function curveData(curve: CurveJson, by: Amount): CurveData {
  const judged = (curve.points ?? []).filter((point) => point.ap50 !== undefined && amountOf(point, by) > 0);
  const points = new Map(judged.map((point) => [amountOf(point, by), point]));
  const fit = fitOf(curve, by);
  const now = Math.max(0, ...points.keys());
  const near = (fit?.forecasts ?? []).filter(
    ({ n, at }) => numberOf(n) <= FURTHEST * now || at === "next round",
  );
  const forecasts = new Map(near.map((each) => [numberOf(each.n), each]));
  const x = [...new Set([...points.keys(), ...forecasts.keys()])].sort((a, b) => a - b);
  const law = (n: number) =>
    fit === undefined ? null : 1 - (numberOf(fit.a) * n ** -numberOf(fit.beta) + numberOf(fit.c));
  const known = (value: number | string | undefined) => (value === undefined ? null : numberOf(value));
  return {
    x,
    ap50: x.map((n) => known(points.get(n)?.ap50)),
    ap50Low: x.map((n) => (points.has(n) ? numberOf(points.get(n)!.ap50Low) : null)),
    ap50High: x.map((n) => (points.has(n) ? numberOf(points.get(n)!.ap50High) : null)),
    fitted: x.map((n) => (n <= now ? law(n) : null)),
    forecast: x.map((n) => known(forecasts.get(n)?.ap50)),
    forecastLow: x.map((n) => known(forecasts.get(n)?.ap50Low)),
    forecastHigh: x.map((n) => known(forecasts.get(n)?.ap50High)),
  };
}
