// Whether to go on labelling, and what the project is made of. What is quick stands beside what takes longer,
// so that nothing moves when that comes.

import { call } from "../api";
import { useAnswer, useKept, useRepeat } from "../dashboards/answer";
import type { ProjectPageProps } from "../dashboards/pages";
import { Title } from "../dashboards/title";
import { mayEngineer, mayLabel, mayRead } from "../role";
import { changeQuery, pageAddress, workAddress } from "../route";
import { latestRound } from "../rounds/latest_round";
import { Advice } from "./advice";
import { Check } from "./check";
import type { Amount } from "./curve_data";
import { Estimates } from "./estimates";
import { LabelsOverTime, type Period } from "./labels_over_time";
import { FRESH_COUNTS } from "./fresh";
import "./overview.css";
import { LatestRound, Standing, Workers } from "./standing";

const OFTEN = 10_000; // milliseconds

export function Overview({ project, query, caller: { role } }: ProjectPageProps) {
  const name = project.name ?? "";
  const status = useKept(
    (maxAgeSeconds) => call("ProjectService", "getStatus", { project: name, maxAgeSeconds }),
    FRESH_COUNTS,
    [name],
  );
  const latest = useAnswer(() => latestRound(name), [name]);
  useRepeat(latest.load, OFTEN, [name]);
  const round = latest.value?.round;
  // A round that began did so after the one before had ended, which changed what figures say.
  const changedAt = round?.endedAt ?? round?.createdAt;
  const by: Amount = query.get("by") === "seconds" ? "seconds" : "images";
  const per: Period = query.get("per") === "day" ? "day" : "week";
  return (
    <main class="overview">
      <Title text={name}>
        {mayLabel(role) && (
          <a class="button" href={workAddress(name)}>
            Your work
          </a>
        )}
        {mayEngineer(role) && (
          <a class="button" href={pageAddress("new round", name)}>
            New round
          </a>
        )}
      </Title>
      <div class="columns">
        {mayRead(role) ? (
          <div class="column">
            <Advice
              project={name}
              changedAt={changedAt}
              by={by}
              choose={(by) => changeQuery({ by }, { replace: true })}
            />
            <LabelsOverTime
              project={name}
              per={per}
              choose={(per) => changeQuery({ per }, { replace: true })}
            />
            <Estimates project={project} changedAt={changedAt} mayStart={mayEngineer(role)} />
            <Check project={project} changedAt={changedAt} />
          </div>
        ) : (
          <p class="card padded">
            Figures of models and labels are for engineers and viewers.{" "}
            {mayLabel(role) && (
              <>
                What you have done yourself is in <a href={workAddress(name)}>your work</a>.
              </>
            )}
          </p>
        )}
        <div class="column">
          <Standing project={name} answer={status} role={role} />
          <LatestRound project={name} answer={latest} role={role} />
          {mayRead(role) && <Workers project={name} answer={status} />}
        </div>
      </div>
    </main>
  );
}
