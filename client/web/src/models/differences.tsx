// The images on which one of two models makes fewer mistakes, with the boxes of both.

import type { BoxJson } from "../../gen/loupe/v1/annotation_pb";
import type {
  ComparedBoxesJson,
  ComparedTruthJson,
  ModelComparisonJson,
  ModelDifferenceJson,
} from "../../gen/loupe/v1/insight_pb";
import { colourOf } from "../annotate/palette";
import { call } from "../api";
import { usePages } from "../dashboards/answer";
import type { Column } from "../dashboards/columns";
import { Downloads } from "../dashboards/downloads";
import { count, numberOf } from "../dashboards/formats";
import type { ProjectPageProps } from "../dashboards/pages";
import { More } from "../dashboards/part";
import { Thumbnail } from "../dashboards/thumbnail";
import { pageAddress } from "../route";
import { counted } from "../words";
import { countsText, type Compared } from "./comparison";

interface Props {
  project: ProjectPageProps["project"];
  compared: Compared;
  comparison: ModelComparisonJson;
  isFirstBetter: boolean;
}

async function pageOf(compared: Compared, firstBetter: boolean, pageToken: string, pageSize = 12) {
  const request = { ...compared, firstBetter, pageSize, pageToken };
  const answer = await call("InsightService", "listModelDifferences", request);
  return { rows: answer.images ?? [], nextPageToken: answer.nextPageToken ?? "" };
}

async function allOf(compared: Compared, firstBetter: boolean): Promise<ModelDifferenceJson[]> {
  const rows: ModelDifferenceJson[] = [];
  let pageToken = "";
  do {
    const page = await pageOf(compared, firstBetter, pageToken, 100);
    rows.push(...page.rows);
    pageToken = page.nextPageToken;
  } while (pageToken !== "");
  return rows;
}

const columns: Column<ModelDifferenceJson>[] = [
  { name: "image_id", title: "Image", value: ({ image }) => numberOf(image?.id) },
  { name: "file_name", title: "File", value: ({ image }) => image?.fileName },
  ...(["first", "second"] as const).flatMap((which): Column<ModelDifferenceJson>[] => [
    {
      name: `${which}_true_positives`,
      title: "",
      value: (row) => numberOf(row[which]?.counts?.truePositives),
    },
    {
      name: `${which}_false_positives`,
      title: "",
      value: (row) => numberOf(row[which]?.counts?.falsePositives),
    },
    {
      name: `${which}_false_negatives`,
      title: "",
      value: (row) => numberOf(row[which]?.counts?.falseNegatives),
    },
  ]),
];

export function Differences({ project, compared, comparison, isFirstBetter }: Props) {
  const pages = usePages((pageToken) => pageOf(compared, isFirstBetter, pageToken), []);
  const { first = 0, second = 0 } = comparison;
  const [better, images] = isFirstBetter
    ? [first, comparison.firstBetterImages]
    : [second, comparison.secondBetterImages];
  const title = `Where model ${better} is better`;
  return (
    <section class="part" aria-label={title}>
      <div class="part-head">
        <h3>{title}</h3>
        {numberOf(images) > 0 && (
          <Downloads
            name={`${project.name}-model-${better}-better`}
            columns={columns}
            rows={() => allOf(compared, isFirstBetter)}
          />
        )}
      </div>
      {numberOf(images) === 0 ? (
        <p class="faint">There is no such image.</p>
      ) : (
        <p class="faint">
          It makes fewer mistakes (false and missed boxes) on {counted(numberOf(images), "image", "images")} of{" "}
          {count(comparison.images)}, the largest differences first.
        </p>
      )}
      {pages.rows && pages.rows.length > 0 && (
        <>
          <Legend />
          <ul class="pairs">
            {pages.rows.map((row) => (
              <Pair key={row.image?.id} project={project} numbers={[first, second]} row={row} />
            ))}
          </ul>
        </>
      )}
      <More pages={pages} />
    </section>
  );
}

function Legend() {
  return (
    <ul class="legend faint">
      {(["found", "missed", "right", "false"] as const).map((kind) => (
        <li key={kind}>
          <svg viewBox="0 0 24 14" aria-hidden="true">
            <rect class={`colour-0 ${kind}`} x={2} y={2} width={20} height={10} />
            {kind === "false" && <path class="false" d="M2 12 22 2" />}
          </svg>
          {NAMES[kind]}
        </li>
      ))}
    </ul>
  );
}

const NAMES = { found: "true box", missed: "missed", right: "predicted", false: "predicted, false" };

interface PairProps {
  project: ProjectPageProps["project"];
  numbers: readonly [number, number];
  row: ModelDifferenceJson;
}

function Pair({ project, numbers, row: { image = {}, truth = [], first = {}, second = {} } }: PairProps) {
  const address = (model: number) => pageAddress("image", project.name ?? "", image.id ?? "", { model });
  return (
    <li class="card pair">
      <p class="name">{image.fileName}</p>
      {([first, second] as const).map((boxes, i) => (
        <a
          key={i}
          href={address(numbers[i]!)}
          aria-label={`${image.fileName}, Model ${numbers[i]}: ${countsText(boxes.counts)}`}
        >
          <span class="drawn">
            <Thumbnail image={image} project={project} width={280} alt="" />
            <Overlay
              width={image.width ?? 1}
              height={image.height ?? 1}
              truth={truth}
              isFound={(each) => !!(i === 0 ? each.foundByFirst : each.foundBySecond)}
              predicted={boxes}
            />
          </span>
          <span class="faint">
            Model {numbers[i]}: {countsText(boxes.counts)}
          </span>
        </a>
      ))}
    </li>
  );
}

interface OverlayProps {
  width: number; // of the image
  height: number;
  truth: readonly ComparedTruthJson[];
  isFound: (truth: ComparedTruthJson) => boolean;
  predicted: ComparedBoxesJson;
}

function Overlay({ width, height, truth, isFound, predicted }: OverlayProps) {
  return (
    <svg viewBox={`0 0 ${width} ${height}`} aria-hidden="true">
      {truth.map((each, i) => (
        <Drawn
          key={i}
          box={each.box}
          kind={`${colourOf(each.label ?? 1)} ${each.ignore ? "region" : isFound(each) ? "found" : "missed"}`}
        />
      ))}
      {predicted.boxes?.map(({ box, label = 1, correct, ignored }, i) => (
        <Drawn
          key={i}
          box={box}
          kind={`${colourOf(label)} ${correct || ignored ? "right" : "false"}`}
          isCrossed={!correct && !ignored}
        />
      ))}
    </svg>
  );
}

function Drawn({
  box,
  kind,
  isCrossed = false,
}: {
  box: BoxJson | undefined;
  kind: string;
  isCrossed?: boolean;
}) {
  const [x1, y1, x2, y2] = [box?.x1, box?.y1, box?.x2, box?.y2].map(Number) as [
    number,
    number,
    number,
    number,
  ];
  return (
    <>
      <rect class={kind} x={x1} y={y1} width={x2 - x1} height={y2 - y1} />
      {isCrossed && <path class={kind} d={`M${x1} ${y2} ${x2} ${y1}`} />}
    </>
  );
}
