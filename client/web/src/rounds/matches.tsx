import type { BoxMatchJson, ModelQualityJson } from "../../gen/loupe/v1/insight_pb";
import type { ProjectJson } from "../../gen/loupe/v1/project_pb";
import type { RoundJson } from "../../gen/loupe/v1/round_pb";
import type { TokenJson } from "../../gen/loupe/v1/token_pb";
import { nameOf } from "../annotate/class_panel";
import { cornersOf } from "../annotate/corners";
import { call } from "../api";
import { usePages } from "../dashboards/answer";
import type { Column } from "../dashboards/columns";
import { Downloads } from "../dashboards/downloads";
import { count, numberOf } from "../dashboards/formats";
import { More } from "../dashboards/part";
import { SecondLook } from "../dashboards/second_look";
import { mayEngineer } from "../role";
import { annotateAddress, changeQuery, pageAddress } from "../route";
import { counted } from "../words";
import { BoxCrop } from "./box_crop";
import { countOf, kindOf, kinds, matchWords } from "./matches_words";
import { thresholdIn } from "./threshold";

const PAGE = 24;

interface Props {
  quality: ModelQualityJson;
  project: ProjectJson;
  query: URLSearchParams;
  round: RoundJson;
  caller: TokenJson;
}

// Boxes of one kind, the worst first, as cuts of their pictures.
export function Matches({ quality, project, query, round, caller }: Props) {
  const name = project.name ?? "";
  const shown = kindOf(query.get("kind"));
  const side = query.get("side") ?? "";
  const [trueLabel, predictedLabel] = [Number(query.get("true") ?? 0), Number(query.get("predicted") ?? 0)];
  const threshold = thresholdIn(query);
  const pages = usePages(
    async (pageToken) => {
      const answer = await call("InsightService", "listBoxMatches", {
        project: name,
        model: String(round.model),
        scoreThreshold: threshold,
        kind: shown.kind,
        side: side === "holdout" ? "HOLDOUT" : side === "pool" ? "POOL" : "SIDE_UNSPECIFIED",
        trueLabel,
        predictedLabel,
        pageSize: PAGE,
        pageToken,
      });
      const { matches = [], nextPageToken = "", total, holdoutImages, poolImages } = answer;
      return { rows: matches, nextPageToken, total, holdoutImages, poolImages };
    },
    [name, round.model, threshold, shown.kind, side, trueLabel, predictedLabel],
  );
  const { rows, last } = pages;
  const to = (changes: Record<string, string | undefined>) =>
    pageAddress("round", name, round.number ?? 0, {
      ...Object.fromEntries(query),
      true: undefined,
      predicted: undefined,
      ...changes,
    });
  return (
    <section class="part" aria-label="Boxes">
      <div class="part-head">
        <h3>What it gets wrong</h3>
        {rows && rows.length > 0 && (
          <Downloads
            name={`${name}-round-${round.number}-${shown.word}`}
            columns={columnsOf(project)}
            rows={rows}
          />
        )}
      </div>
      <div class="chips">
        <div class="kinds" role="group" aria-label="Kind of boxes">
          {kinds.map((each) => (
            <a
              key={each.word}
              class="button"
              href={to({ kind: each.word })}
              aria-current={each === shown ? "true" : undefined}
            >
              {each.title} <span class="faint">{count(countOf(quality.matches ?? [], each.kind))}</span>
            </a>
          ))}
        </div>
        <label>
          Images{" "}
          <select
            value={side}
            onChange={(event) =>
              changeQuery({ side: event.currentTarget.value || undefined }, { replace: true })
            }
          >
            <option value="">of both sides</option>
            <option value="holdout">of the holdout</option>
            <option value="pool">of the pool</option>
          </select>
        </label>
      </div>
      <p class="faint">
        {shown.order} The numbers beside the kinds are of the holdout. Of the pool, what was labelled lately,
        and what the model did not learn from.
        {last && ` ${count(last.total)} on ${count(last.holdoutImages)} holdout and `}
        {last && `${counted(Number(last.poolImages), "pool image", "pool images")}.`}
      </p>
      {(trueLabel > 0 || predictedLabel > 0) && (
        <p>
          Only {trueLabel > 0 && `true boxes of ${nameOf(project.classes, trueLabel)}`}
          {trueLabel > 0 && predictedLabel > 0 && " and "}
          {predictedLabel > 0 && `predicted boxes of ${nameOf(project.classes, predictedLabel)}`}.{" "}
          <a href={to({})}>All classes</a>
        </p>
      )}
      {rows?.length === 0 && (
        <p class="card empty">
          There is no such box here.{" "}
          {(side !== "" || trueLabel > 0 || predictedLabel > 0) && (
            <a href={to({ side: undefined })}>Look at all classes and sides</a>
          )}
        </p>
      )}
      {rows && rows.length > 0 && (
        <ul class="matches" key={shown.kind}>
          {rows.map((match, i) => (
            <li key={`${match.image?.id}-${i}`} class="card">
              <Match
                match={match}
                project={project}
                model={round.model ?? 0}
                mayCorrect={mayEngineer(caller.role)}
              />
            </li>
          ))}
        </ul>
      )}
      <More pages={pages} />
    </section>
  );
}

interface MatchProps {
  match: BoxMatchJson;
  project: ProjectJson;
  model: number;
  mayCorrect: boolean;
}

function Match({ match, project, model, mayCorrect }: MatchProps) {
  const image = match.image ?? {};
  const name = project.name ?? "";
  const boxes = [
    ...(match.trueBox
      ? [{ ...cornersOf(match.trueBox.box), label: match.trueBox.label ?? 0, isPredicted: false }]
      : []),
    ...(match.predictedBox
      ? [{ ...cornersOf(match.predictedBox), label: match.predictedLabel ?? 0, isPredicted: true }]
      : []),
  ];
  const words = matchWords(match, project.classes ?? []);
  return (
    <>
      <a
        href={pageAddress("image", name, image.id, { box: match.trueBox?.boxId, model })}
        aria-label={`${words}: ${image.fileName}`}
      >
        <BoxCrop image={image} project={project} boxes={boxes} />
      </a>
      <span class="words">{words}</span>
      <span class="faint where">
        {image.fileName} · {image.side === "HOLDOUT" ? "holdout" : "pool"}
      </span>
      {mayCorrect && image.side === "POOL" && <a href={annotateAddress(name, image.id)}>Correct it</a>}
      {mayCorrect && image.side === "HOLDOUT" && (
        <SecondLook
          project={name}
          imageId={image.id ?? "0"}
          isAsked={match.secondLookAsked}
          told="Somebody else will look at it, without these boxes."
        />
      )}
    </>
  );
}

function columnsOf({ classes }: ProjectJson): Column<BoxMatchJson>[] {
  const side =
    (of: "trueBox" | "predictedBox", corner: "x1" | "y1" | "x2" | "y2") => (match: BoxMatchJson) => {
      const box = of === "trueBox" ? match.trueBox?.box : match.predictedBox;
      return box && numberOf(box[corner]);
    };
  const corners = (["x1", "y1", "x2", "y2"] as const).flatMap((corner) => [
    { name: `true_${corner}`, title: "", value: side("trueBox", corner) },
    { name: `predicted_${corner}`, title: "", value: side("predictedBox", corner) },
  ]);
  return [
    { name: "image_id", title: "", value: ({ image }) => image?.id },
    { name: "file_name", title: "", value: ({ image }) => image?.fileName },
    { name: "side", title: "", value: ({ image }) => image?.side?.toLowerCase() },
    { name: "kind", title: "", value: ({ kind }) => kind?.toLowerCase() },
    { name: "true_class", title: "", value: ({ trueBox }) => trueBox && nameOf(classes, trueBox.label ?? 0) },
    { name: "box_id", title: "", value: ({ trueBox }) => trueBox?.boxId },
    {
      name: "predicted_class",
      title: "",
      value: ({ predictedBox, predictedLabel = 0 }) => predictedBox && nameOf(classes, predictedLabel),
    },
    { name: "score", title: "", value: ({ predictedBox, score }) => predictedBox && numberOf(score) },
    { name: "iou", title: "", value: ({ iou }) => numberOf(iou) },
    { name: "severity", title: "", value: ({ severity }) => numberOf(severity) },
    ...corners,
  ];
}
