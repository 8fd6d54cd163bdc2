// What is known of a reviewer, in words.

import type {
  IntervalFigureJson,
  ReviewerAlarmJson,
  ReviewerAlarm_KindJson,
  ReviewerQualityJson,
} from "../../gen/loupe/v1/insight_pb";
import type { RequestReviewsResponseJson } from "../../gen/loupe/v1/labeling_pb";
import { NOTHING, interval } from "../dashboards/formats";
import { counted } from "../words";

const alarmTexts: Record<ReviewerAlarm_KindJson, string> = {
  KIND_UNSPECIFIED: "an alarm that this page doesn't know",
  PLANTED_ERRORS_KEPT: "leaves planted errors in",
  MISSES_WHEN_SHOWN: "overlooks what isn't shown",
  NOT_LOOKED_AT: "has no time to look at each box",
  ACCEPTS_TOO_MUCH: "accepts boxes that blind answers don't have",
};

export function alarmText({ kind }: ReviewerAlarmJson): string {
  return alarmTexts[kind ?? "KIND_UNSPECIFIED"];
}

// The evidence: "25 % caught (5 % to 57 %)".
export function evidenceText({ kind, value, low, high }: ReviewerAlarmJson): string {
  const [at, from, to] = [numberIn(value), numberIn(low), numberIn(high)];
  switch (kind) {
    case "PLANTED_ERRORS_KEPT":
      return `${share(at)} caught (${interval(from, to, share)})`;
    case "NOT_LOOKED_AT":
      return `${seconds(at)} a box (${interval(from, to, seconds)})`;
    default:
      return `${signedShare(at)} (${interval(from, to, signedShare)})`;
  }
}

// The protocol writes numbers that JSON doesn't have as text, and leaves out zeros.
export function numberIn(value: number | string | undefined): number {
  return Number(value ?? 0);
}

export function share(value: number): string {
  return `${Math.round(100 * value)} %`;
}

export function signedShare(value: number): string {
  const rounded = Math.round(100 * value);
  return `${rounded > 0 ? "+" : rounded < 0 ? "−" : ""}${Math.abs(rounded)} %`;
}

export function seconds(value: number): string {
  return `${value.toFixed(1)} s`;
}

// "+3 % (−2 % to +8 %)"
export function figureText(
  figure: IntervalFigureJson | undefined,
  show: (value: number) => string = signedShare,
): string {
  if (!figure) return NOTHING;
  const { value, low, high } = figure;
  return `${show(numberIn(value))} (${interval(numberIn(low), numberIn(high), show)})`;
}

// "9 of 12", of the last planted tasks.
export function caughtText({ planted = 0, caught = 0 }: ReviewerQualityJson): string {
  return planted === 0 ? NOTHING : `${caught} of ${planted}`;
}

// What came of asking for reviews.
export function askedWords({ imageIds = [], problems = [] }: RequestReviewsResponseJson): string {
  const already = problems.filter(({ reason }) => reason === "ALREADY_ASKED").length;
  const others = problems.filter(({ reason }) => reason !== "ALREADY_ASKED");
  const words = [`Somebody else will look at ${counted(imageIds.length, "image", "images")}.`];
  if (already > 0) words.push(`${counted(already, "was", "were")} asked for already.`);
  for (const message of new Set(others.map(({ message = "" }) => message))) words.push(message);
  return words.join(" ");
}

const FEWEST_IMAGES = 10; // in each half

// Why shown and blind answers aren't compared; empty: they are.
export function tooFewText({ shownAgainstBlind, shownImages, blindImages }: ReviewerQualityJson): string {
  if (shownAgainstBlind) return "";
  const [shown, blind] = [numberIn(shownImages), numberIn(blindImages)];
  if (shown < FEWEST_IMAGES || blind < FEWEST_IMAGES) {
    const known = `${shown} shown and ${blind} blind answers of the random slice`;
    return `Too little is known yet: ${known}, and ${FEWEST_IMAGES} of each are needed.`;
  }
  return "The blind answers hold no box to compare with.";
}
