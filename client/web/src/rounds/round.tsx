// A round: while it runs, and what came of it.

import type { TokenJson } from "../../gen/loupe/v1/token_pb";
import type { ProjectJson } from "../../gen/loupe/v1/project_pb";
import type { RoundJson } from "../../gen/loupe/v1/round_pb";
import { ApiError, stream } from "../api";
import { useStream } from "../dashboards/answer";
import { save } from "../dashboards/downloads";
import { Empty } from "../dashboards/empty";
import { numberOf } from "../dashboards/formats";
import type { ProjectPageProps } from "../dashboards/pages";
import { Loading } from "../dashboards/part";
import { Title } from "../dashboards/title";
import { When } from "../dashboards/when";
import { Failure } from "../failure";
import { mayEngineer, mayRead } from "../role";
import { pageAddress } from "../route";
import { counted } from "../words";
import { Cancel } from "./cancel";
import { Judgement } from "./judgement";
import { Log, useLog } from "./log";
import { Now } from "./now";
import { hasEnded } from "./round_words";
import "./rounds.css";
import { Steps } from "./steps";
import { Training } from "./training";

// The coordinator gives itself ten seconds to read the round.
const LONGEST_WAIT = 20_000; // milliseconds

export function RoundPage({ project, id, query, caller }: ProjectPageProps) {
  const name = project.name ?? "";
  const number = /^[1-9]\d{0,8}$/.test(id) ? Number(id) : 0;
  const { value: round, error, load } = useStream<RoundJson>(
    async (take, signal) => {
      if (number === 0) throw new ApiError(404, "NO_SUCH_ROUND", "");
      await stream("RoundService", "watchRound", { project: name, number }, take, signal, LONGEST_WAIT);
    },
    [name, number],
  );
  if (error instanceof ApiError && error.reason === "NO_SUCH_ROUND") {
    return (
      <main class="rounds">
        <Title text={`Round ${id}`} />
        <Empty>
          <span role="alert">There is no round {id} in this project.</span>{" "}
          <a href={pageAddress("rounds", name)}>All rounds</a>
        </Empty>
      </main>
    );
  }
  return (
    <main class="rounds">
      <Title text={`Round ${id}`}>
        {round && <span class={`badge ${round.state}`}>{round.state}</span>}
        {round && (
          <button
            type="button"
            onClick={() =>
              save(`${name}-round-${id}.json`, "application/json", `${JSON.stringify(round, null, 2)}\n`)
            }
          >
            JSON
          </button>
        )}
        {round && !hasEnded(round) && mayEngineer(caller.role) && <Cancel project={name} number={number} />}
      </Title>
      {error && <Failure message={error.message} retry={load} />}
      {!round && !error && <Loading />}
      {round && <Shown key={number} round={round} project={project} query={query} caller={caller} />}
    </main>
  );
}

interface ShownProps {
  round: RoundJson;
  project: ProjectJson;
  query: URLSearchParams;
  caller: TokenJson;
}

function Shown({ round, project, query, caller }: ShownProps) {
  const name = project.name ?? "";
  const reads = mayRead(caller.role);
  const log = useLog(name, round, reads);
  return (
    <>
      <Ended round={round} project={name} mayStart={mayEngineer(caller.role)} />
      {!hasEnded(round) && <Now round={round} />}
      <p>
        {hasEnded(round) ? "Trained" : "It trains"} on{" "}
        {counted(numberOf(round.snapshotImages), "image", "images")} with{" "}
        {counted(numberOf(round.snapshotBoxes), "box", "boxes")}.{" "}
        {numberOf(round.pseudoLabels?.boxes) > 0 &&
          `Also on ${counted(numberOf(round.pseudoLabels!.boxes), "pseudo-label", "pseudo-labels")}. `}
        {numberOf(round.model) > 0 && (
          <>
            It made <a href={pageAddress("model", name, round.model)}>model {round.model}</a>.{" "}
          </>
        )}
        Submitted <When at={round.createdAt} />.
      </p>
      <Steps round={round} />
      {round.evaluation && <Judgement round={round} project={project} query={query} caller={caller} />}
      {log && log.points.length > 0 && (
        <Training points={log.points} name={`${name}-round-${round.number}`} />
      )}
      <SetAside round={round} project={name} />
      {log && <Log log={log} name={`${name}-round-${round.number}-log`} />}
      <details>
        <summary>Recipe</summary>
        <pre class="card recipe">{JSON.stringify(round.recipe ?? {}, null, 2)}</pre>
        {mayEngineer(caller.role) && (
          <a href={pageAddress("new round", name, "", { from: round.number })}>New round with this recipe</a>
        )}
      </details>
    </>
  );
}

function Ended({ round, project, mayStart }: { round: RoundJson; project: string; mayStart: boolean }) {
  if (round.state !== "failed" && round.state !== "cancelled") return null;
  return (
    <div class="card ended" role="status">
      <p>
        {round.state === "failed" ? (
          <strong class="error">Failed: {round.error}</strong>
        ) : (
          <strong>Cancelled.</strong>
        )}{" "}
        <When at={round.endedAt} />
      </p>
      <p class="faint">
        The labels are kept, and what served before serves on.{" "}
        {mayStart && (
          <a href={pageAddress("new round", project, "", { from: round.number })}>
            Start it again with this recipe
          </a>
        )}
      </p>
    </div>
  );
}

function SetAside({ round, project }: { round: RoundJson; project: string }) {
  const images = round.setAside ?? [];
  const total = numberOf(round.setAsideTotal);
  if (total === 0) return null;
  return (
    <section class="part" aria-label="Pictures set aside">
      <h3>{counted(total, "picture was set aside", "pictures were set aside")}</h3>
      <ul class="card list">
        {images.map((image) => (
          <li key={image.id}>
            <a href={pageAddress("image", project, image.id)}>{image.fileName}</a>
            <span class="faint">{image.stateReason}</span>
          </li>
        ))}
      </ul>
      {total > images.length && <p class="faint">The first {images.length} are shown.</p>}
    </section>
  );
}
