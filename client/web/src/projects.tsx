import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import type { ProjectJson } from "../gen/loupe/v1/project_pb";
import type { RoleJson } from "../gen/loupe/v1/token_pb";
import { call } from "./api";
import { Failure } from "./failure";
import { progressOf } from "./progress";
import { mayAdminister, mayEngineer, mayLabel } from "./role";
import { annotateAddress, otherAddress, pageAddress, workAddress } from "./route";
import { guarded } from "./session";

// How far they are is asked only for so many: it is a call each.
const MOST_ASKED = 20;

export function Projects({ role }: { role: RoleJson | undefined }) {
  const projects = useSignal<ProjectJson[] | null>(null);
  // By the id of the project.
  const progress = useSignal<ReadonlyMap<string, string>>(new Map());
  const error = useSignal("");

  async function load() {
    error.value = "";
    try {
      projects.value = await guarded(allProjects());
    } catch (refusal) {
      error.value = (refusal as Error).message;
    }
  }
  useEffect(() => void load(), []);
  useEffect(() => {
    let isOver = false;
    async function ask() {
      for (const { id = "", name } of (projects.value ?? []).slice(0, MOST_ASKED)) {
        if (isOver) return;
        // The list is of use without it, too.
        const asked = call("ProjectService", "getStatus", { project: name });
        const status = await guarded(asked).catch(() => null);
        if (status) progress.value = new Map([...progress.value, [id, progressOf(status)]]);
      }
    }
    void ask();
    return () => void (isOver = true);
  }, [projects.value]);

  return (
    <section aria-labelledby="projects">
      <div class="title">
        <h2 id="projects">Projects</h2>
        <div class="ways">
          {mayAdminister(role) && (
            <a class="button" href={otherAddress("people")}>
              People
            </a>
          )}
          {mayEngineer(role) && (
            <a class="button" href={otherAddress("new project")}>
              New project
            </a>
          )}
        </div>
      </div>
      {error.value && <Failure message={error.value} retry={load} />}
      {!error.value && projects.value === null && <p class="faint">Loading…</p>}
      {projects.value?.length === 0 && <NoProjects role={role} />}
      {projects.value !== null && projects.value.length > 0 && (
        <ul class="card list">
          {projects.value.map((project) => (
            <ProjectRow
              key={project.id}
              project={project}
              progress={progress.value.get(project.id ?? "")}
              role={role}
            />
          ))}
        </ul>
      )}
    </section>
  );
}

interface RowProps {
  project: ProjectJson;
  progress: string | undefined;
  role: RoleJson | undefined;
}

function ProjectRow({ project, progress, role }: RowProps) {
  const { name = "" } = project;
  const classes = (project.classes ?? []).filter((each) => !each.retired);
  return (
    <li>
      <div class="row-text">
        <a class="name" href={pageAddress("overview", name)}>
          {name}
        </a>
        <span class="faint">{classes.map((each) => each.name).join(", ")}</span>
        <span class="faint">{progress}</span>
      </div>
      {mayLabel(role) && (
        <div class="ways">
          <a class="button" href={annotateAddress(name)} aria-label={`Label ${name}`}>
            Label
          </a>
          <a class="button" href={workAddress(name)} aria-label={`Your work in ${name}`}>
            Your work
          </a>
        </div>
      )}
    </li>
  );
}

function NoProjects({ role }: { role: RoleJson | undefined }) {
  return (
    <p class="card empty">
      No projects yet.{" "}
      {mayEngineer(role) ? <a href={otherAddress("new project")}>Make one</a> : "An engineer makes one."}
    </p>
  );
}

async function allProjects(): Promise<ProjectJson[]> {
  const projects: ProjectJson[] = [];
  let pageToken = "";
  do {
    const page = await call("ProjectService", "listProjects", { pageSize: 1000, pageToken });
    projects.push(...(page.projects ?? []));
    pageToken = page.nextPageToken ?? "";
  } while (pageToken !== "");
  return projects;
}
