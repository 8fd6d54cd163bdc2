// Labels that are likely wrong, as models see it that were trained without their images.

import { useSignal } from "@preact/signals";
import type { ListLabelErrorsResponseJson } from "../../gen/loupe/v1/insight_pb";
import { call } from "../api";
import { usePages } from "../dashboards/answer";
import { Copy } from "../dashboards/copy";
import { Empty } from "../dashboards/empty";
import { count, numberOf } from "../dashboards/formats";
import type { ProjectPageProps } from "../dashboards/pages";
import { More } from "../dashboards/part";
import { Title } from "../dashboards/title";
import { mayEngineer } from "../role";
import { pageAddress } from "../route";
import { counted } from "../words";
import { AskForReviews } from "./ask_for_reviews";
import { LabelErrorCard } from "./label_error_card";
import "./reviewers.css";

const PAGE = 24;
const RECIPE = "label_errors { folds: 3 }";

export function LabelErrors({ project, caller }: ProjectPageProps) {
  const { name = "" } = project;
  const asked = useSignal<ReadonlySet<string>>(new Set());
  const pages = usePages(
    async (pageToken) => {
      const request = { project: name, pageSize: PAGE, pageToken };
      const answer = await call("InsightService", "listLabelErrors", request);
      return { ...answer, rows: answer.errors ?? [], nextPageToken: answer.nextPageToken ?? "" };
    },
    [name],
  );
  const { first, rows } = pages;
  const isEngineer = mayEngineer(caller.role);
  const round = first?.round ?? 0;
  const toAsk = rows?.filter(({ image, inReview }) => !inReview && !asked.value.has(image?.id ?? "")) ?? [];
  return (
    <main class="reviewers">
      <Title text="Label errors">
        <a class="button" href={pageAddress("reviewers", name)}>
          Reviewers
        </a>
      </Title>
      {first && round === 0 && <Unsearched project={name} mayStart={isEngineer} />}
      {first && round > 0 && <Headline project={name} found={first} />}
      {first && round > 0 && rows?.length === 0 && (
        <Empty>
          No likely error is left to decide. The next round whose recipe has <code>{RECIPE}</code> searches
          again.
        </Empty>
      )}
      {rows && rows.length > 0 && (
        <>
          <Legend />
          {isEngineer && (
            <AskForReviews
              project={name}
              round={round}
              imageIds={[...new Set(toAsk.map(({ image }) => image?.id ?? ""))]}
              told={(ids) => (asked.value = new Set([...asked.value, ...ids]))}
            />
          )}
          <ol class="error-cards">
            {rows.map((row) => (
              <li key={row.error?.id} class="card">
                <LabelErrorCard
                  project={project}
                  row={row}
                  isInReview={(row.inReview ?? false) || asked.value.has(row.image?.id ?? "")}
                  mayOpen={isEngineer}
                />
              </li>
            ))}
          </ol>
        </>
      )}
      <More pages={pages} />
    </main>
  );
}

interface Found {
  project: string;
  found: ListLabelErrorsResponseJson;
}

function Headline({ project, found: { round = 0, total, mended, kept } }: Found) {
  const open = numberOf(total);
  return (
    <p>
      <a href={pageAddress("round", project, round)}>Round {round}</a> searched the labels:{" "}
      {counted(open, "likely error is", "likely errors are")} open, {count(mended)} mended and {count(kept)}{" "}
      kept.
      {open > 0 && " The likeliest come first."}
    </p>
  );
}

function Unsearched({ project, mayStart }: { project: string; mayStart: boolean }) {
  return (
    <div class="card empty unsearched">
      <p>
        No round has searched the labels for errors yet. A round does so when its recipe has this line: three
        further models are trained, each without a third of the images, and each judges the labels of the
        images that it has not seen.
      </p>
      <Copy text={RECIPE} name="line of the recipe" />
      {mayStart && (
        <p>
          <a href={pageAddress("new round", project, "", { "label_errors.folds": 3 })}>
            Start a round with this line
          </a>
        </p>
      )}
    </div>
  );
}

function Legend() {
  const box = { x: 2, y: 2, width: 18, height: 10 };
  return (
    <ul class="error-legend faint">
      <li>
        <svg viewBox="0 0 34 14" aria-hidden="true">
          <rect {...box} />
          <text x="22" y="10">
            ✕
          </text>
        </svg>
        the box that seems wrong
      </li>
      <li>
        <svg viewBox="0 0 22 14" aria-hidden="true">
          <rect class="proposed" {...box} />
        </svg>
        what should be there
      </li>
    </ul>
  );
}
