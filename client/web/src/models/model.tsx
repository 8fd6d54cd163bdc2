// One model: how good it is, what it learned from, and whether it serves.

import type { ModelJson } from "../../gen/loupe/v1/model_pb";
import type { ModelProvenanceJson, AuthorCountJson, OriginCountJson } from "../../gen/loupe/v1/provenance_pb";
import type { ClassApJson, EvaluationJson } from "../../gen/loupe/v1/round_pb";
import { ApiError, call } from "../api";
import { useAnswer } from "../dashboards/answer";
import { classColumn } from "../dashboards/class_column";
import type { Column } from "../dashboards/columns";
import { Downloads } from "../dashboards/downloads";
import { Figure } from "../dashboards/figure";
import { bytes, count, difference, numberOf, score } from "../dashboards/formats";
import type { ProjectPageProps } from "../dashboards/pages";
import { Loading, Part } from "../dashboards/part";
import { Table } from "../dashboards/table";
import { Title } from "../dashboards/title";
import { When } from "../dashboards/when";
import { Failure } from "../failure";
import { mayEngineer, mayRead } from "../role";
import { pageAddress } from "../route";
import { counted } from "../words";
import { differenceInterval, isCompared, meaningOf, numberIn, outcomeOf } from "./gate";
import "./models.css";
import { State } from "./models";
import { Serving } from "./serving";

interface Shown {
  model: ModelJson;
  serving: ModelJson | null; // null: none does
  rival: ModelJson | null; // to compare it with: null: none was judged
}

async function read(project: string, model: string): Promise<Shown> {
  const [asked, serving] = await Promise.all([
    call("ModelService", "getModel", { project, model }),
    call("ModelService", "getModel", { project }).catch((error) => {
      if (error instanceof ApiError && error.reason === "NO_SUCH_MODEL") return null;
      throw error;
    }),
  ]);
  const before = asked.replaced || asked.parent;
  const rival =
    serving && serving.number !== asked.number
      ? serving
      : before
        ? await call("ModelService", "getModel", { project, model: String(before) })
        : null;
  return { model: asked, serving, rival: rival?.evaluation ? rival : null };
}

export function Model(props: ProjectPageProps) {
  const { project, id, caller } = props;
  const { name = "" } = project;
  const { value, error, load } = useAnswer(() => read(name, id), [name, id]);
  if (!value) {
    const isGone = error instanceof ApiError && error.reason === "NO_SUCH_MODEL";
    return (
      <main class="models">
        <Title text={`Model ${id}`} />
        {!error && <Loading />}
        {error && !isGone && <Failure message={error.message} retry={() => void load()} />}
        {isGone && (
          <p role="alert">
            There is no model {id} in {name}. <a href={pageAddress("models", name)}>All models</a>
          </p>
        )}
      </main>
    );
  }
  const { model, serving, rival } = value;
  return (
    <main class="models">
      <Head project={name} model={model} rival={rival} mayRead={mayRead(caller.role)} />
      {error && <Failure message={error.message} retry={() => void load()} />}
      <Figures project={name} model={model} />
      {mayEngineer(caller.role) && (
        <Serving key={model.number} project={name} model={model} serving={serving} reload={load} />
      )}
      {model.evaluation && <Classes {...props} model={model} />}
      {mayRead(caller.role) && <Learned project={name} model={model} />}
    </main>
  );
}

interface HeadProps extends Omit<Shown, "serving"> {
  project: string;
  mayRead: boolean;
}

function Head({ project, model, rival, mayRead }: HeadProps) {
  return (
    <>
      <Title text={`Model ${model.number}`}>
        <a href={pageAddress("models", project)}>All models</a>
        {mayRead && model.evaluation && rival && (
          <a class="button" href={pageAddress("compare", project, "", { a: rival.number, b: model.number })}>
            Compare with model {rival.number}
          </a>
        )}
        {mayRead && (
          <a class="button" href={`/models/${model.id}/weights`} download>
            Weights, {bytes(model.weightsBytes)}
          </a>
        )}
      </Title>
      <p>
        <span class="name">{model.name}</span> <State state={model.state} /> · {model.preset} · made{" "}
        <When at={model.createdAt} /> ·{" "}
        {model.round ? (
          <>
            by <a href={pageAddress("round", project, model.round)}>round {model.round}</a>
          </>
        ) : (
          "imported"
        )}
        {model.parent ? (
          <>
            {" "}
            from <a href={pageAddress("model", project, model.parent)}>model {model.parent}</a>
          </>
        ) : null}
      </p>
      {numberOf(model.withdrawnLabels) > 0 && (
        <p class="card warned">
          {counted(numberOf(model.withdrawnLabels), "label", "labels")} that it learned from, itself or
          through the models that its weights come from,{" "}
          {numberOf(model.withdrawnLabels) === 1 ? "was" : "were"} withdrawn since. A new round learns without
          them.
        </p>
      )}
    </>
  );
}

function Figures({ project, model }: { project: string; model: ModelJson }) {
  const { evaluation, evaluationNow, gate } = model;
  if (!evaluation) {
    return (
      <p class="faint">
        {model.round ? "It is not evaluated yet." : "It was imported, and no round has judged it."}
      </p>
    );
  }
  const { calibration } = evaluation;
  return (
    <div class="figures">
      <Figure name="AP50" value={score(numberIn(evaluation.ap50))}>
        {judgedOn(evaluation)}
      </Figure>
      {evaluationNow && (
        <Figure name="AP50 by the labels of now" value={score(numberIn(evaluationNow.ap50))}>
          {counted(numberOf(model.relabelledImages), "image was", "images were")} labelled since, or their
          labels corrected or withdrawn.
        </Figure>
      )}
      <Figure name="AP" value={score(numberIn(evaluation.ap))}>
        Mean over IoU 0.50 to 0.95.
      </Figure>
      {gate && (
        <Figure
          name={`Gate: ${outcomeOf(gate)}`}
          value={isCompared(gate) ? difference(numberIn(gate.difference)) : outcomeOf(gate)}
          interval={isCompared(gate) ? differenceInterval(gate) : ""}
        >
          {meaningOf(gate)}{" "}
          {isCompared(gate) && (
            <a href={pageAddress("compare", project, "", { a: gate.againstModel, b: model.number })}>
              Side by side
            </a>
          )}
        </Figure>
      )}
      <Figure name="Trained on" value={count(model.snapshotImages)}>
        {numberOf(model.snapshotImages) === 1 ? "image" : "images"}, with{" "}
        {counted(numberOf(model.snapshotBoxes), "box", "boxes")}.
      </Figure>
      {calibration?.errorAfter !== undefined && (
        <Figure name="Calibration error" value={score(numberIn(calibration.errorAfter))}>
          D-ECE of calibrated scores; {score(numberIn(calibration.errorBefore))} as the model gave them.
        </Figure>
      )}
    </div>
  );
}

function judgedOn({ images, randomSample }: EvaluationJson): string {
  const sample = randomSample ? "a random sample of the holdout" : "imported labels, not a random sample";
  return `On ${counted(numberOf(images), "image", "images")}: ${sample}.`;
}

interface ClassesProps extends ProjectPageProps {
  model: ModelJson;
}

function Classes({ project, model }: ClassesProps) {
  const { evaluation = {}, evaluationNow, classQuality = [] } = model;
  const now = new Map(evaluationNow?.perClass?.map((each) => [each.label, each]));
  const kinds = evaluation.calibration?.classes ?? [];
  const columns: Column<ClassApJson>[] = [
    classColumn(project.classes),
    figureColumn("ap50", "AP50", ({ ap50 }) => ap50),
    ...(evaluationNow ? [figureColumn("ap50_now", "AP50 now", ({ label }) => now.get(label)?.ap50)] : []),
    figureColumn("ap", "AP", ({ ap }) => ap),
    figureColumn("class_quality", "Training quality", ({ label = 1 }) => classQuality[label - 1]),
    {
      name: "calibration",
      title: "Calibration",
      isText: true,
      value: ({ label = 1 }) => kinds[label - 1]?.kind,
    },
  ];
  const rows = evaluation.perClass ?? [];
  const answer = { value: rows, error: null, load: async () => {} };
  return (
    <Part
      name="Classes"
      answer={answer}
      actions={() => (
        <Downloads name={`${project.name}-model-${model.number}-classes`} columns={columns} rows={rows} />
      )}
    >
      {() => (
        <Table caption="Metrics by class" columns={columns} rows={rows} rowKey={({ label = 0 }) => label} />
      )}
    </Part>
  );
}

function figureColumn(
  name: string,
  title: string,
  pick: (row: ClassApJson) => number | string | undefined,
): Column<ClassApJson> {
  const value = (row: ClassApJson) => {
    const figure = numberIn(pick(row));
    return figure === undefined || figure < 0 ? null : figure;
  };
  return { name, title, value, show: (row) => score(value(row) ?? undefined) };
}

function Learned({ project, model }: { project: string; model: ModelJson }) {
  const answer = useAnswer(
    () => call("ProvenanceService", "getModelProvenance", { project, model: String(model.number) }),
    [project, model.number],
  );
  return (
    <Part name="Lineage" answer={answer}>
      {(provenance) => (
        <>
          <Relatives project={project} model={model} provenance={provenance} />
          {provenance.authors && provenance.authors.length > 0 && (
            <div class="sources">
              <Source
                name={`${project}-model-${model.number}-origins`}
                caption="Its boxes by origin"
                columns={originColumns}
                rows={provenance.origins ?? []}
                rowKey={({ origin = "" }) => origin}
              />
              <Source
                name={`${project}-model-${model.number}-authors`}
                caption="Its labels by author"
                columns={authorColumns}
                rows={provenance.authors}
                rowKey={({ author = "" }) => author}
              />
            </div>
          )}
        </>
      )}
    </Part>
  );
}

interface SourceProps<Row> {
  name: string;
  caption: string;
  columns: Column<Row>[];
  rows: readonly Row[];
  rowKey: (row: Row) => string;
}

function Source<Row>({ name, caption, columns, rows, rowKey }: SourceProps<Row>) {
  return (
    <div>
      <div class="part-head">
        <h4>{caption}</h4>
        <Downloads name={name} columns={columns} rows={rows} />
      </div>
      <Table caption={caption} columns={columns} rows={rows} rowKey={rowKey} />
    </div>
  );
}

const originColumns: Column<OriginCountJson>[] = [
  { name: "origin", title: "Origin", value: ({ origin }) => origin?.toLowerCase() },
  { name: "boxes", title: "Boxes", value: ({ boxes }) => numberOf(boxes), show: ({ boxes }) => count(boxes) },
];

const authorColumns: Column<AuthorCountJson>[] = [
  { name: "author", title: "Author", value: ({ author }) => author },
  {
    name: "images",
    title: "Images",
    value: ({ images }) => numberOf(images),
    show: ({ images }) => count(images),
  },
  {
    name: "blind_images",
    title: "of them blind",
    value: ({ blindImages }) => numberOf(blindImages),
    show: ({ blindImages }) => count(blindImages),
  },
  { name: "boxes", title: "Boxes", value: ({ boxes }) => numberOf(boxes), show: ({ boxes }) => count(boxes) },
];

interface RelativesProps {
  project: string;
  model: ModelJson;
  provenance: ModelProvenanceJson;
}

function Relatives({ project, model, provenance }: RelativesProps) {
  const { ancestors = [], descendants = [] } = provenance;
  const links = (numbers: number[]) =>
    numbers.map((number, i) => (
      <>
        {i > 0 && ", "}
        <a href={pageAddress("model", project, number)}>model {number}</a>
      </>
    ));
  return (
    <p>
      {ancestors.length > 0 ? (
        <>Its weights come from {links(ancestors)}. </>
      ) : (
        `${model.round ? "Training began with random weights" : "Its weights come from elsewhere"}. `
      )}
      {descendants.length > 0 ? <>Trained from it: {links(descendants)}.</> : "No model was trained from it."}
    </p>
  );
}
