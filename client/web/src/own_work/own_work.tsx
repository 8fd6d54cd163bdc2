// What a person has done in a project, what they hold, what waits, and how far the project is.

import { useEffect, useMemo, useRef } from "preact/hooks";
import type { TokenJson } from "../../gen/loupe/v1/token_pb";
import "../annotate/annotate.css"; // the colours of classes
import type { Journal } from "../annotate/journal";
import type { Outbox } from "../annotate/outbox";
import { Failure } from "../failure";
import { mayEngineer } from "../role";
import { annotateAddress } from "../route";
import { When } from "../dashboards/when";
import { Answers } from "./answers";
import { Figures } from "./figures";
import { OpenTasks } from "./open_tasks";
import "./own_work.css";
import { ProjectProgress } from "./project_progress";
import { Reader } from "./reader";
import { Unsent } from "./unsent";

interface Props {
  project: string;
  caller: TokenJson;
  journal: Journal;
  outbox: Outbox;
}

export function OwnWork({ project, caller, journal, outbox }: Props) {
  const reader = useMemo(() => new Reader(project), [project]);
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => reader.start(outbox), [reader, outbox]);
  useEffect(() => heading.current?.focus(), []);
  const { value: shown } = reader.shown;
  const { value: error } = reader.error;
  return (
    <main class="own-work">
      <div class="head">
        <div class="title">
          <a href="#">All projects</a>
          <h2 ref={heading} tabIndex={-1}>
            Your work in {project}
          </h2>
          <a class="button primary" href={annotateAddress(project)}>
            Label
          </a>
        </div>
        <Unsent journal={journal} outbox={outbox} owner={caller.id ?? ""} />
        {error && <Failure message={error} retry={() => reader.retry()} />}
        {error && shown && (
          <p class="faint">
            What stands below was read <When at={shown.readAt.toISOString()} />.
          </p>
        )}
        {!shown && !error && (
          <p class="faint" role="status">
            Loading…
          </p>
        )}
      </div>
      {shown && (
        <>
          <Figures project={project} work={shown.work} />
          <OpenTasks project={project} tasks={shown.openTasks} />
          <ProjectProgress
            project={project}
            status={shown.status}
            skippedImages={Number(shown.work.skippedImages ?? 0)}
            showsSides={mayEngineer(caller.role)}
          />
          <Answers project={project} reader={reader} shown={shown} />
        </>
      )}
    </main>
  );
}
