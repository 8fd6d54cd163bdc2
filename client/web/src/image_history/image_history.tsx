// An image's history as a picture that can be walked: each revision drawn, what it changed, and why.

import { useEffect } from "preact/hooks";
import type { ImageProvenanceJson } from "../../gen/loupe/v1/provenance_pb";
import { ApiError, call } from "../api";
import { useAnswer } from "../dashboards/answer";
import { Empty } from "../dashboards/empty";
import type { ProjectPageProps } from "../dashboards/pages";
import { Loading } from "../dashboards/part";
import { Title } from "../dashboards/title";
import { Failure } from "../failure";
import { pageAddress } from "../route";
import "./image_history.css";
import { Walk } from "./walk";

export function ImageHistory(props: ProjectPageProps) {
  const { project, id } = props;
  if (!/^\d{1,18}$/.test(id)) return <NoImage project={project.name ?? ""} id={id} />;
  return <History key={id} {...props} />;
}

function History(props: ProjectPageProps) {
  const { project, id } = props;
  const name = project.name ?? "";
  const { value, error, load } = useAnswer<ImageProvenanceJson>(
    () => call("ProvenanceService", "getImageProvenance", { project: name, imageId: id }),
    [name, id],
  );
  const title = value?.image?.fileName;
  useEffect(() => {
    if (title) document.title = `${name} · ${title} · Loupe`;
  }, [title]);
  if (error && value === null) {
    if (error instanceof ApiError && error.reason === "NO_SUCH_IMAGE")
      return <NoImage project={name} id={id} />;
    return (
      <main>
        <Failure message={error.message} retry={() => void load()} />
      </main>
    );
  }
  if (value === null) {
    return (
      <main>
        <Title text={`Image ${id}`} />
        <Loading />
      </main>
    );
  }
  return <Walk {...props} history={value} load={load} />;
}

function NoImage({ project, id }: { project: string; id: string }) {
  return (
    <main>
      <Title text={`Image ${id}`} />
      <Empty>
        The project has no image {id}. <a href={pageAddress("images", project)}>Look at its images</a>
      </Empty>
    </main>
  );
}
