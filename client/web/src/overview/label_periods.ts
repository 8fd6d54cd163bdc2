// Boxes of the truth by when they were drawn, as a chart has them.

import type { LabelStatsJson, LabelSumsJson } from "../../gen/loupe/v1/provenance_pb";
import type { OriginJson } from "../../gen/loupe/v1/annotation_pb";
import { numberOf } from "../dashboards/formats";

export interface LabelPeriod {
  readonly begins: string;
  readonly images: number; // answers and imports
  readonly boxes: ReadonlyMap<OriginJson, number>;
}

// Stacked from below in this order.
export const origins: [OriginJson, string][] = [
  ["IMPORTED", "Imported"],
  ["DRAWN", "Drawn"],
  ["ACCEPTED", "Accepted"],
  ["ADJUSTED", "Adjusted"],
  ["RELABELLED", "Relabelled"],
  ["COPIED", "Copied"],
];

export function periodsOf({ periods = [] }: LabelStatsJson): LabelPeriod[] {
  return periods.map(({ begins = "", counts }) => {
    const {
      blindAnswers,
      shownAnswers,
      imports,
      origins: counted = [],
    } = counts?.truth ?? ({} as LabelSumsJson);
    return {
      begins,
      images: numberOf(blindAnswers) + numberOf(shownAnswers) + numberOf(imports),
      boxes: new Map(counted.map(({ origin = "DRAWN", boxes }) => [origin, numberOf(boxes)])),
    };
  });
}
