import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import type { ProjectJson } from "../gen/loupe/v1/project_pb";
import type { RoleJson } from "../gen/loupe/v1/token_pb";
import { call } from "./api";
import { Failure } from "./failure";
import { annotateAddress } from "./route";
import { guarded } from "./session";

export function Projects({ role }: { role: RoleJson | undefined }) {
  const projects = useSignal<ProjectJson[] | null>(null);
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

  return (
    <section aria-labelledby="projects">
      <h2 id="projects">Projects</h2>
      {error.value && <Failure message={error.value} retry={load} />}
      {!error.value && projects.value === null && <p class="faint">Loading…</p>}
      {projects.value?.length === 0 && <NoProjects role={role} />}
      {projects.value !== null && projects.value.length > 0 && (
        <ul class="card list">
          {projects.value.map((project) => (
            <ProjectRow key={project.id} project={project} role={role} />
          ))}
        </ul>
      )}
    </section>
  );
}

function ProjectRow({ project, role }: { project: ProjectJson; role: RoleJson | undefined }) {
  const mayLabel = role === "ANNOTATOR" || role === "ENGINEER" || role === "ADMIN";
  const classes = (project.classes ?? []).filter((each) => !each.retired);
  return (
    <li>
      <div class="row-text">
        <span class="name">{project.name}</span>
        <span class="faint">{classes.map((each) => each.name).join(", ")}</span>
      </div>
      {mayLabel && (
        <a class="button" href={annotateAddress(project.name ?? "")} aria-label={`Label ${project.name}`}>
          Label
        </a>
      )}
    </li>
  );
}

function NoProjects({ role }: { role: RoleJson | undefined }) {
  const mayCreate = role === "ENGINEER" || role === "ADMIN";
  return (
    <div class="card empty">
      <p>No projects yet. {mayCreate ? "Make one" : "An engineer makes one"} on the command line:</p>
      <code>loupe project create NAME --classes a,b</code>
    </div>
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
