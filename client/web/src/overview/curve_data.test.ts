import { expect, test } from "vitest";
import { curveData } from "./curve_data";

const points = [
  { round: 1, images: "100", seconds: 0, ap50: 0.4, ap50Low: 0.3, ap50High: 0.5 },
  { round: 2, images: "200", seconds: 600, ap50: 0.5, ap50Low: 0.45, ap50High: 0.6 },
  { round: 3, images: "200", seconds: 600, ap50: 0.52, ap50Low: 0.46, ap50High: 0.6 },
  { round: 4, images: "300", seconds: 900, ap50Low: 0, ap50High: 0 }, // nothing to judge by
];
const forecasts = [
  { at: "now", n: 200, ap50: 0.5, ap50Low: 0.4, ap50High: 0.6 },
  { at: "next round", n: 400, ap50: 0.6, ap50Low: 0.45, ap50High: 0.7 },
  { at: "40 % labelled", n: 800, ap50: 0.7, ap50Low: 0.5, ap50High: 0.8 },
  { at: "all labelled", n: 4000, ap50: 0.8, ap50Low: 0.5, ap50High: 0.9 },
];

test("rounds, fit and near forecasts share one axis", () => {
  const curve = { points, byImages: { a: 6, beta: 0.5, c: 0.1, forecasts } };
  const data = curveData(curve, "images", new Set());
  expect(data.x).toEqual([100, 200, 200, 400, 800]);
  expect(data.rounds).toEqual([1, 2, 3, null, null]);
  expect(data.ap50).toEqual([0.4, 0.5, 0.52, null, null]);
  expect(data.ap50Low).toEqual([0.3, 0.45, 0.46, null, null]);
  expect(data.held).toEqual([null, null, null, null, null]);
  expect(data.fitted[0]).toBeCloseTo(0.3); // 1 - 6 / √100 - 0.1
  expect(data.fitted.slice(3)).toEqual([null, null]);
  expect(data.forecast).toEqual([null, 0.5, 0.5, 0.6, 0.7]);
  expect(data.forecastHigh).toEqual([null, 0.6, 0.6, 0.7, 0.8]);
});

test("rounds that the gate held are told from the others, also with as many labels", () => {
  const data = curveData({ points }, "images", new Set([2]));
  expect(data.x).toEqual([100, 200, 200]);
  expect(data.rounds).toEqual([1, 2, 3]);
  expect(data.ap50).toEqual([0.4, null, 0.52]);
  expect(data.held).toEqual([null, 0.5, null]);
  expect(data.heldHigh).toEqual([null, 0.6, null]);
});

test("without a fit there are the rounds", () => {
  const data = curveData({ points, noFit: "three rounds are needed" }, "seconds", new Set());
  expect(data.x).toEqual([600, 600]); // labels that took no time are nowhere on this axis
  expect(data.ap50).toEqual([0.5, 0.52]);
  expect(data.fitted).toEqual([null, null]);
  expect(curveData({}, "images", new Set()).x).toEqual([]);
});
