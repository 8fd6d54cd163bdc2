import type { ProjectStatusJson, WorkerStatusJson } from "../../gen/loupe/v1/project_pb";
import type { RoundJson } from "../../gen/loupe/v1/round_pb";
import type { RoleJson } from "../../gen/loupe/v1/token_pb";
import { Swatch } from "../annotate/class_panel";
import type { Answer } from "../dashboards/answer";
import type { Column, Value } from "../dashboards/columns";
import { Downloads } from "../dashboards/downloads";
import { Empty } from "../dashboards/empty";
import { count, numberOf, percent } from "../dashboards/formats";
import { Part } from "../dashboards/part";
import { When } from "../dashboards/when";
import { imagesOf, labelledOf } from "../progress";
import { mayEngineer, mayRead } from "../role";
import type { Latest } from "../rounds/latest_round";
import { annotateAddress, pageAddress } from "../route";
import { counted, durationOf } from "../words";

interface Props {
  project: string;
  answer: Answer<ProjectStatusJson>;
  role: RoleJson | undefined;
}

interface Line {
  readonly name: string; // in words of `loupe status --json`
  readonly title: string;
  readonly value: number;
  readonly address?: string;
}

function linesOf(project: string, status: ProjectStatusJson, role: RoleJson | undefined): Line[] {
  const images = (query: Record<string, string>) =>
    mayRead(role) ? pageAddress("images", project, "", query) : undefined;
  const queue = mayRead(role) ? pageAddress("queue", project) : undefined;
  const line = (name: string, title: string, value: string | undefined, address?: string) => {
    return { name, title, value: numberOf(value), ...(address ? { address } : {}) };
  };
  const sides = [
    line("pool_images", "Pool", status.poolImages, images({ side: "pool" })),
    line("pool_labelled", "Pool, labelled", status.poolLabelled, images({ side: "pool", labelled: "yes" })),
    line("holdout_images", "Holdout", status.holdoutImages, images({ side: "holdout" })),
    line(
      "holdout_labelled",
      "Holdout, labelled blind",
      status.holdoutLabelled,
      images({ side: "holdout", labelled: "yes" }),
    ),
    line("holdout_not_blind", "Holdout, labelled otherwise", status.holdoutNotBlind),
  ];
  return [
    ...(mayRead(role) ? sides : []),
    line("queue_length", "Waiting in the queue", status.queueLength, queue),
    line("open_leases", "With somebody now", status.openLeases),
    line("images_set_aside", "Set aside", status.imagesSetAside, images({ state: "set_aside" })),
    line("images_excluded", "Excluded", status.imagesExcluded, images({ state: "excluded" })),
    line("images_removed", "Removed", status.imagesRemoved),
  ];
}

const columns: Column<{ name: string; value: Value }>[] = [
  { name: "name", title: "", value: ({ name }) => name },
  { name: "value", title: "", value: ({ value }) => value },
];

// How far the project is.
export function Standing({ project, answer, role }: Props) {
  return (
    <Part
      name="The project"
      answer={answer}
      style="standing card padded"
      actions={(status) => (
        <Downloads
          name={`${project}-status`}
          columns={columns}
          rows={[
            { name: "images", value: imagesOf(status) },
            { name: "labelled", value: labelledOf(status) },
            ...linesOf(project, status, role),
            ...(status.classCounts ?? []).map((each) => {
              return { name: `boxes of ${each.class?.name}`, value: numberOf(each.boxes) };
            }),
          ]}
        />
      )}
    >
      {(status) =>
        imagesOf(status) === 0 ? (
          <NoImages project={project} role={role} />
        ) : (
          <>
            <Labelled status={status} />
            <dl>
              {linesOf(project, status, role)
                .filter(({ value, name }) => value > 0 || !name.startsWith("images_"))
                .map(({ name, title, value, address }) => (
                  <div key={name}>
                    <dt>{address ? <a href={address}>{title}</a> : title}</dt>
                    <dd>{count(value)}</dd>
                  </div>
                ))}
            </dl>
            <Classes status={status} />
          </>
        )
      }
    </Part>
  );
}

function NoImages({ project, role }: { project: string; role: RoleJson | undefined }) {
  return (
    <Empty>
      {project} has no pictures yet.{" "}
      {mayEngineer(role) ? (
        <a href={pageAddress("setup", project, "", { part: "import" })}>Import pictures</a>
      ) : (
        "An engineer imports them."
      )}
    </Empty>
  );
}

function Labelled({ status }: { status: ProjectStatusJson }) {
  const [images, labelled] = [imagesOf(status), labelledOf(status)];
  return (
    <div class="labelled">
      <p>
        <strong>
          {count(labelled)} of {count(images)}
        </strong>{" "}
        {images === 1 ? "image" : "images"} labelled, {percent(labelled / images)}
      </p>
      <progress value={labelled} max={images} aria-label="Labelled images" />
    </div>
  );
}

function Classes({ status }: { status: ProjectStatusJson }) {
  const classes = (status.classCounts ?? []).filter(
    (each) => !each.class?.retired || numberOf(each.boxes) > 0,
  );
  return (
    <dl>
      {classes.map(({ class: { label = 0, name, retired } = {}, boxes, images, imagesToLookAt }) => (
        <div key={label}>
          <dt>
            <Swatch label={label} /> {name} {retired && <span class="faint">retired</span>}
            {numberOf(imagesToLookAt) > 0 && (
              <span class="faint">
                {" "}
                to be looked for on {counted(numberOf(imagesToLookAt), "image", "images")}
              </span>
            )}
          </dt>
          <dd title={`on ${counted(numberOf(images), "image", "images")}`}>
            {counted(numberOf(boxes), "box", "boxes")}
          </dd>
        </div>
      ))}
    </dl>
  );
}

interface LatestProps extends Omit<Props, "answer"> {
  answer: Answer<Latest>;
}

// The last round, as it goes on.
export function LatestRound({ project, answer, role }: LatestProps) {
  return (
    <Part name="Latest round" answer={answer} style="latest-round card padded">
      {({ round }) =>
        round ? (
          <Round project={project} round={round} />
        ) : (
          <Empty>
            No round yet: a round trains a model on the labels.{" "}
            {mayEngineer(role) ? (
              <a href={pageAddress("new round", project)}>Start one</a>
            ) : (
              <a href={annotateAddress(project)}>Label images first</a>
            )}
          </Empty>
        )
      }
    </Part>
  );
}

function Round({ project, round }: { project: string; round: RoundJson }) {
  const { number = 0, state, progress, secondsLeft, endedAt, createdAt, error } = round;
  const [done, total] = [numberOf(progress?.done), numberOf(progress?.total)];
  return (
    <>
      <p>
        <a href={pageAddress("round", project, number)}>Round {number}</a> <span class="badge">{state}</span>{" "}
        <span class="faint">
          {endedAt ? "ended " : "submitted "}
          <When at={endedAt ?? createdAt} />
        </span>
      </p>
      {!endedAt && total > 0 && (
        <progress value={done} max={total} aria-label={`Progress of ${progress?.kind}`} />
      )}
      {!endedAt && secondsLeft !== undefined && (
        <p class="faint">about {durationOf(1000 * numberOf(secondsLeft))} left of this step</p>
      )}
      {round.waitsForWorker && <p class="warning">It waits for a worker.</p>}
      {error && <p class="error">{error}</p>}
    </>
  );
}

// Who trains and predicts, and what they do now.
export function Workers({ project, answer }: Omit<Props, "role">) {
  return (
    <Part name="Workers" answer={answer} style="workers card padded">
      {({ workers = [] }) =>
        workers.length === 0 ? (
          <p class="faint">
            No worker was heard of in the last hour. <code>loupe-worker run</code> starts one.
          </p>
        ) : (
          <ul>
            {workers.map((worker) => (
              <li key={worker.name}>
                <span class="name">{worker.name}</span>{" "}
                <span class={worker.isHere ? "" : "faint"}>{workOf(worker, project)}</span>
              </li>
            ))}
          </ul>
        )
      }
    </Part>
  );
}

function workOf({ isHere, job, round, project, lastHeard }: WorkerStatusJson, here: string) {
  if (!isHere) {
    return (
      <>
        not heard of since <When at={lastHeard} />
      </>
    );
  }
  if (!job) return "waits for a job";
  const verb =
    { train: "trains", evaluate: "evaluates", predict: "predicts", find_label_errors: "searches labels" }[job] ??
    job;
  return project === here ? (
    <>
      {verb} for <a href={pageAddress("round", here, round)}>round {round}</a>
    </>
  ) : (
    `${verb} for ${project}`
  );
}
