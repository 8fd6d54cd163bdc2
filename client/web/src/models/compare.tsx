// Two models side by side, on the labelled images of the holdout that both predicted.

import type { ClassDifferenceJson, ModelComparisonJson } from "../../gen/loupe/v1/insight_pb";
import type { ModelJson } from "../../gen/loupe/v1/model_pb";
import { ApiError, call } from "../api";
import { useAnswer, type Answer } from "../dashboards/answer";
import { classColumn } from "../dashboards/class_column";
import type { Column } from "../dashboards/columns";
import { Downloads } from "../dashboards/downloads";
import { Empty } from "../dashboards/empty";
import { Figure } from "../dashboards/figure";
import { count, difference, fewBoxesNote, interval, numberOf, score } from "../dashboards/formats";
import type { ProjectPageProps } from "../dashboards/pages";
import { Part } from "../dashboards/part";
import { Table } from "../dashboards/table";
import { Title } from "../dashboards/title";
import { changeQuery, pageAddress } from "../route";
import { countsText, verdictOf, type Compared } from "./comparison";
import { Differences } from "./differences";
import { numberIn } from "./gate";
import "./models.css";

// The newest ones that a person can choose from; another one can be named in the address.
const CHOICES = 100;

export function Compare({ project, query }: ProjectPageProps) {
  const { name = "" } = project;
  const models = useAnswer(
    () => call("ModelService", "listModels", { project: name, pageSize: CHOICES }),
    [name],
  );
  const first = query.get("a") ?? "";
  const second = query.get("b") ?? "";
  const scoreThreshold = Number(query.get("score") || 0.5);
  return (
    <main class="models compare">
      <Title text="Compare models">
        <a href={pageAddress("models", name)}>All models</a>
      </Title>
      <form class="card choices" onSubmit={(event) => event.preventDefault()}>
        <Choice name="First model" at="a" chosen={first} models={models.value?.models ?? []} />
        <button
          type="button"
          aria-label="Swap the two models"
          onClick={() => changeQuery({ a: second, b: first })}
          disabled={!first || !second}
        >
          ⇄
        </button>
        <Choice name="Second model" at="b" chosen={second} models={models.value?.models ?? []} />
        <label>
          <span class="faint">Boxes count from a score of</span>
          <input
            type="number"
            min={0}
            max={1}
            step={0.05}
            value={scoreThreshold}
            onChange={({ currentTarget: { value, validity } }) => {
              if (validity.rangeUnderflow || validity.rangeOverflow) return;
              changeQuery({ score: value === "0.5" ? "" : value });
            }}
          />
        </label>
      </form>
      {first && second ? (
        <Comparison
          key={`${first} ${second} ${scoreThreshold}`}
          project={project}
          compared={{ project: name, first, second, scoreThreshold }}
        />
      ) : (
        <Empty>
          Choose two models that a round trained. <a href={pageAddress("models", name)}>All models</a>
        </Empty>
      )}
    </main>
  );
}

interface ChoiceProps {
  name: string;
  at: "a" | "b";
  chosen: string;
  models: readonly ModelJson[];
}

function Choice({ name, at, chosen, models }: ChoiceProps) {
  const judged = models.filter(({ evaluation }) => evaluation);
  const isListed = judged.some(({ number }) => String(number) === chosen);
  return (
    <label>
      <span class="faint">{name}</span>
      <select value={chosen} onChange={({ currentTarget }) => changeQuery({ [at]: currentTarget.value })}>
        {!chosen && <option value="">choose</option>}
        {chosen && !isListed && <option value={chosen}>model {chosen}</option>}
        {judged.map(({ number, name, state, evaluation }) => (
          <option key={number} value={number}>
            {number} · {name} · AP50 {score(numberIn(evaluation?.ap50))}
            {state === "serving" ? " · serving" : ""}
          </option>
        ))}
      </select>
    </label>
  );
}

interface ComparisonProps {
  project: ProjectPageProps["project"];
  compared: Compared;
}

function Comparison({ project, compared }: ComparisonProps) {
  const answer = useAnswer(() => call("InsightService", "compareModels", compared), []);
  if (answer.error instanceof ApiError && !answer.value && answer.error.httpStatus !== 503) {
    return (
      <p class="card empty" role="alert">
        {answer.error.message}. <a href={pageAddress("models", compared.project)}>All models</a>
      </p>
    );
  }
  const { value } = answer;
  return (
    <>
      <Verdict answer={answer} />
      <ClassTable project={project} answer={answer} />
      {value && (
        <>
          <Differences project={project} compared={compared} comparison={value} isFirstBetter={false} />
          <Differences project={project} compared={compared} comparison={value} isFirstBetter />
        </>
      )}
    </>
  );
}

function Verdict({ answer }: { answer: Answer<ModelComparisonJson> }) {
  return (
    <Part name="On the same images" answer={answer} style="verdict">
      {(comparison) => {
        const { first, second, ap50, firstEvaluation, secondEvaluation, firstCounts, secondCounts, classes } =
          comparison;
        const note = fewBoxesNote(classes ?? []);
        return (
          <>
            <p class="sentence">{verdictOf(comparison)}</p>
            <div class="figures">
              <Figure
                name={`AP50 of model ${second} minus model ${first}`}
                value={difference(numberIn(ap50?.difference))}
                interval={interval(numberIn(ap50?.low), numberIn(ap50?.high), difference)}
              >
                With its 90 % interval, both models on the same resampled images.
              </Figure>
              <Figure name={`Model ${first}`} value={`AP50 ${score(numberIn(firstEvaluation?.ap50))}`}>
                AP {score(numberIn(firstEvaluation?.ap))}. {countsText(firstCounts)}.
              </Figure>
              <Figure name={`Model ${second}`} value={`AP50 ${score(numberIn(secondEvaluation?.ap50))}`}>
                AP {score(numberIn(secondEvaluation?.ap))}. {countsText(secondCounts)}.
              </Figure>
            </div>
            {note && <p class="faint">{note}</p>}
          </>
        );
      }}
    </Part>
  );
}

interface ClassTableProps {
  project: ProjectPageProps["project"];
  answer: Answer<ModelComparisonJson>;
}

function ClassTable({ project, answer }: ClassTableProps) {
  const columnsOf = (comparison: ModelComparisonJson): Column<ClassDifferenceJson>[] => {
    const { first, second, firstEvaluation, secondEvaluation } = comparison;
    const ap50In = (evaluation: typeof firstEvaluation, label: number | undefined) => {
      const value = numberIn(evaluation?.perClass?.find((each) => each.label === label)?.ap50);
      return value === undefined || value < 0 ? null : value;
    };
    const ap50Column = (name: string, title: string, evaluation: typeof firstEvaluation) => ({
      name,
      title,
      value: ({ label }: ClassDifferenceJson) => ap50In(evaluation, label),
      show: ({ label }: ClassDifferenceJson) => score(ap50In(evaluation, label) ?? undefined),
    });
    return [
      classColumn(project.classes),
      {
        name: "boxes",
        title: "Boxes",
        value: ({ boxes }) => numberOf(boxes),
        show: ({ boxes }) => count(boxes),
      },
      ap50Column("first_ap50", `AP50 of model ${first}`, firstEvaluation),
      ap50Column("second_ap50", `AP50 of model ${second}`, secondEvaluation),
      {
        name: "difference",
        title: "Difference",
        value: ({ ap50 }) => numberIn(ap50?.difference) ?? null,
        show: ({ ap50 }) => difference(numberIn(ap50?.difference)),
      },
      { name: "low", title: "", value: ({ ap50 }) => numberIn(ap50?.low) ?? null },
      { name: "high", title: "", value: ({ ap50 }) => numberIn(ap50?.high) ?? null },
      {
        name: "interval",
        title: "90 % interval",
        value: () => null,
        show: ({ ap50 }) =>
          interval(numberIn(ap50?.low), numberIn(ap50?.high), difference) || (
            <span class="faint">too few boxes</span>
          ),
      },
    ];
  };
  const isUsed = ({ label }: ClassDifferenceJson) =>
    !project.classes?.find((each) => each.label === label)?.retired;
  const rowsOf = ({ classes = [] }: ModelComparisonJson) => classes.filter(isUsed);
  return (
    <Part
      name="By class"
      answer={answer}
      actions={(comparison) => (
        <Downloads
          name={`${project.name}-models-${comparison.first}-${comparison.second}`}
          columns={columnsOf(comparison).filter(({ name }) => name !== "interval")}
          rows={rowsOf(comparison)}
        />
      )}
    >
      {(comparison) => (
        <Table
          caption="Both models by class"
          columns={columnsOf(comparison)}
          rows={rowsOf(comparison)}
          rowKey={({ label = 0 }) => label}
        />
      )}
    </Part>
  );
}
