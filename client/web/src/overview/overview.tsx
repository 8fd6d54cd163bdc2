import type { ProjectPageProps } from "../dashboards/pages";
import { Title } from "../dashboards/title";

// Whether to go on labelling, and what the project is made of.
export function Overview({ project }: ProjectPageProps) {
  return (
    <main>
      <Title text={project.name ?? ""} />
    </main>
  );
}
