// The learning curve as a chart has it.

import type {
  CurveFitJson,
  CurveForecastJson,
  CurveJson,
  CurvePointJson,
} from "../../gen/loupe/v1/insight_pb";
import { numberOf } from "../dashboards/formats";

export type Amount = "images" | "seconds";

export interface CurveData {
  readonly x: readonly number[]; // ascending; rounds with as many labels have the same one
  readonly rounds: readonly (number | null)[]; // null: a forecast alone
  readonly ap50: readonly (number | null)[];
  readonly ap50Low: readonly (number | null)[];
  readonly ap50High: readonly (number | null)[];
  readonly held: readonly (number | null)[]; // AP50 of rounds whose model the gate held; they have no `ap50`
  readonly heldLow: readonly (number | null)[];
  readonly heldHigh: readonly (number | null)[];
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

export function curveData(curve: CurveJson, by: Amount, heldRounds: ReadonlySet<number>): CurveData {
  const judged = (curve.points ?? []).filter((point) => point.ap50 !== undefined && amountOf(point, by) > 0);
  const fit = fitOf(curve, by);
  const now = Math.max(0, ...judged.map((point) => amountOf(point, by)));
  const near = (fit?.forecasts ?? []).filter(
    ({ n, at }) => numberOf(n) <= FURTHEST * now || at === "next round",
  );
  const forecasts = new Map(near.map((each) => [numberOf(each.n), each]));
  const places: { n: number; point?: CurvePointJson }[] = judged.map((point) => {
    return { n: amountOf(point, by), point };
  });
  for (const n of forecasts.keys()) if (!places.some((place) => place.n === n)) places.push({ n });
  places.sort((a, b) => a.n - b.n);
  const law = (n: number) =>
    fit === undefined ? null : 1 - (numberOf(fit.a) * n ** -numberOf(fit.beta) + numberOf(fit.c));
  // Of the rounds that the gate held, or of the others.
  const measured = (isHeld: boolean, pick: (point: CurvePointJson) => number | string | undefined) =>
    places.map(({ point }) =>
      point && heldRounds.has(point.round ?? 0) === isHeld ? numberOf(pick(point)) : null,
    );
  const forecast = (pick: (forecast: CurveForecastJson) => number | string | undefined) =>
    places.map(({ n }) => (forecasts.has(n) ? numberOf(pick(forecasts.get(n)!)) : null));
  return {
    x: places.map(({ n }) => n),
    rounds: places.map(({ point }) => point?.round ?? null),
    ap50: measured(false, ({ ap50 }) => ap50),
    ap50Low: measured(false, ({ ap50Low }) => ap50Low),
    ap50High: measured(false, ({ ap50High }) => ap50High),
    held: measured(true, ({ ap50 }) => ap50),
    heldLow: measured(true, ({ ap50Low }) => ap50Low),
    heldHigh: measured(true, ({ ap50High }) => ap50High),
    fitted: places.map(({ n }) => (n <= now ? law(n) : null)),
    forecast: forecast(({ ap50 }) => ap50),
    forecastLow: forecast(({ ap50Low }) => ap50Low),
    forecastHigh: forecast(({ ap50High }) => ap50High),
  };
}
