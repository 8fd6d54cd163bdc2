// The pages around a project, beside the one where people label: a chunk of its own, which is loaded with the
// first of them.

import { useEffect } from "preact/hooks";
import type { TokenJson } from "../../gen/loupe/v1/token_pb";
import { ApiError, call } from "../api";
import { Failure } from "../failure";
import { Header } from "../header";
import { mayLabel } from "../role";
import { annotateAddress, pageAddress, type Place, type ProjectPage, type Route } from "../route";
import "../annotate/annotate.css"; // the colours of classes
import { setColours } from "../annotate/palette";
import { useAnswer } from "./answer";
import "./dashboards.css";
import { navigation, otherPages, projectPages } from "./pages";
import { Loading } from "./part";

type Shown = Extract<Route, { name: "dashboard" }>;

export function Dashboards({ shown, caller }: { shown: Shown; caller: TokenJson }) {
  const { page, project, id, query } = shown;
  if (page === "new project" || page === "people") {
    const Page = otherPages[page];
    return (
      <div class="dashboard">
        <Header caller={caller} />
        <Page id={id} query={query} caller={caller} />
      </div>
    );
  }
  return <InProject key={project} page={page} project={project} id={id} query={query} caller={caller} />;
}

interface InProjectProps extends Place {
  page: ProjectPage;
  caller: TokenJson;
}

function InProject({ page, project: name, id, query, caller }: InProjectProps) {
  const {
    value: project,
    error,
    load,
  } = useAnswer(() => call("ProjectService", "getProject", { project: name }), [name]);
  const Page = projectPages[page];
  const entry = navigation.find(({ holds }) => holds.includes(page));
  useEffect(() => setColours(project?.classes ?? []), [project]);
  return (
    <div class="dashboard">
      <Header caller={caller}>
        <nav aria-label={name}>
          <a class="name" href={pageAddress("overview", name)}>
            {name}
          </a>
          <ul>
            {navigation
              .filter((each) => each.isFor(caller.role))
              .map((each) => (
                <li key={each.page}>
                  <a href={pageAddress(each.page, name)} aria-current={each === entry ? "page" : undefined}>
                    {each.title}
                  </a>
                </li>
              ))}
          </ul>
          {mayLabel(caller.role) && (
            <a class="button" href={annotateAddress(name)}>
              Label
            </a>
          )}
        </nav>
      </Header>
      {error && <NoProject name={name} error={error} retry={() => void load()} />}
      {!error && !project && (
        <main>
          <Loading />
        </main>
      )}
      {project && <Page project={project} reload={load} id={id} query={query} caller={caller} />}
    </div>
  );
}

function NoProject({ name, error, retry }: { name: string; error: Error; retry: () => void }) {
  const isGone = error instanceof ApiError && error.reason === "NO_SUCH_PROJECT";
  return (
    <main class="narrow">
      {isGone ? (
        <p role="alert">There is no project {name}. It may have been renamed or deleted.</p>
      ) : (
        <Failure message={error.message} retry={retry} />
      )}
      <a href="#">All projects</a>
    </main>
  );
}
