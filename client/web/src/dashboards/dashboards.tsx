// The pages around a project, beside the one where people label: a chunk of its own, which is loaded with the
// first of them.

import { useEffect } from "preact/hooks";
import type { TokenJson } from "../../gen/loupe/v1/token_pb";
import { ApiError, call } from "../api";
import { Failure } from "../failure";
import { Header } from "../header";
import { NotAllowed } from "../not_allowed";
import { mayLabel } from "../role";
import {
  addressWith,
  annotateAddress,
  pageAddress,
  type OtherPage,
  type Place,
  type ProjectPage,
  type Route,
} from "../route";
import "../annotate/annotate.css"; // the colours of classes
import { setColours } from "../annotate/palette";
import { wrongIn, type Wrong } from "./addresses";
import { useAnswer } from "./answer";
import "./dashboards.css";
import { Empty } from "./empty";
import { access, navigation, otherPages, projectPages } from "./pages";
import { Loading } from "./part";
import { Title } from "./title";

type Shown = Extract<Route, { name: "dashboard" }>;

export function Dashboards({ shown, caller }: { shown: Shown; caller: TokenJson }) {
  const { page, project, id, query } = shown;
  if (page === "new project" || page === "people") {
    const Page = otherPages[page];
    return (
      <div class="dashboard">
        <Header caller={caller} />
        {isOpen(page, caller) ? (
          <Page id={id} query={query} caller={caller} />
        ) : (
          <NotAllowed role={caller.role} needs={access[page]!.needs}>
            {access[page]!.words}
          </NotAllowed>
        )}
      </div>
    );
  }
  return <InProject key={project} page={page} project={project} id={id} query={query} caller={caller} />;
}

function isOpen(page: ProjectPage | OtherPage, { role }: TokenJson): boolean {
  return access[page]?.isFor(role) ?? true;
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
  const mayOpen = isOpen(page, caller);
  const wrong = wrongIn(page, query);
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
              .filter((each) => isOpen(each.page, caller))
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
      {project && mayOpen && wrong.length === 0 && (
        <Page project={project} reload={load} id={id} query={query} caller={caller} />
      )}
      {project && mayOpen && wrong.length > 0 && <WrongAddress title={entry?.title ?? ""} wrong={wrong} />}
      {project && !mayOpen && (
        <NotAllowed role={caller.role} needs={access[page]!.needs}>
          {access[page]!.words}
        </NotAllowed>
      )}
    </div>
  );
}

// In place of a page whose address says what can't be: without that value it would show something else.
function WrongAddress({ title, wrong }: { title: string; wrong: readonly Wrong[] }) {
  return (
    <main>
      <Title text={title} />
      <Empty>
        <span role="alert">
          {wrong.map(
            ({ name, value, allowed }) => `In the address, ${name} is “${value}”. It must be ${allowed}. `,
          )}
        </span>
        <a href={addressWith(Object.fromEntries(wrong.map(({ name }) => [name, undefined])))}>
          Show the page without it
        </a>
      </Empty>
    </main>
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
