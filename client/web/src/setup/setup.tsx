import type { ProjectPageProps } from "../dashboards/pages";
import { Title } from "../dashboards/title";
import { NotForRole } from "../not_allowed";
import { mayEngineer } from "../role";
import { pageAddress } from "../route";
import { Classes } from "./classes";
import { GuidelinesPart } from "./guidelines_part";
import { ImportPart } from "./import_part";
import { Settings } from "./settings";
import "./setup.css";

const parts = [
  { name: "classes", title: "Classes", isForAll: true },
  { name: "guidelines", title: "Guidelines", isForAll: true },
  { name: "import", title: "Import", isForAll: false },
  { name: "settings", title: "Settings", isForAll: false },
];

// What a project is made of, and how people are to label in it.
export function Setup(page: ProjectPageProps) {
  const { project, query, caller } = page;
  const mayChange = mayEngineer(caller.role);
  const shown = parts.filter(({ isForAll }) => isForAll || mayChange);
  const part = query.get("part") ?? "classes";
  return (
    <main class="setup">
      <Title text="Set-up" />
      <nav class="parts" aria-label="Parts of the set-up">
        <ul>
          {shown.map(({ name, title }) => (
            <li key={name}>
              <a
                href={pageAddress("setup", project.name ?? "", "", { part: name })}
                aria-current={name === part ? "page" : undefined}
              >
                {title}
              </a>
            </li>
          ))}
        </ul>
      </nav>
      {part === "classes" && <Classes {...page} />}
      {part === "guidelines" && <GuidelinesPart {...page} />}
      {part === "import" && mayChange && <ImportPart {...page} />}
      {part === "settings" && mayChange && <Settings {...page} />}
      {!shown.some(({ name }) => name === part) && (
        <NotForRole role={caller.role} needs="ENGINEER">
          Only engineers and admins import pictures and change settings.
        </NotForRole>
      )}
    </main>
  );
}
