// A round is set up: the fields of its recipe, what it will cost, and the start. What is filled in stands in
// the address, so that a link leads to the same form.

import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import type { RecipeDescriptionJson, RecipeFieldJson, RoundPlanJson } from "../../gen/loupe/v1/round_pb";
import { ApiError, call } from "../api";
import { useAnswer } from "../dashboards/answer";
import { useChange } from "../dashboards/change";
import { save } from "../dashboards/downloads";
import type { ProjectPageProps } from "../dashboards/pages";
import { Loading } from "../dashboards/part";
import { Title } from "../dashboards/title";
import { Failure, Trouble } from "../failure";
import { annotateAddress, changeQuery, pageAddress } from "../route";
import { guarded } from "../session";
import { Cost } from "./cost";
import "./recipe.css";
import { RecipeField, withCode } from "./recipe_field";
import {
  fieldsOf,
  problemsIn,
  recipeText,
  problemOf,
  valueAt,
  valuesOf,
  type Values,
} from "./recipe_text";

// What nearly everybody decides; the rest is folded.
const FIRST = [
  "detector.preset",
  "detector.init_model",
  "training.iterations",
  "ranking.strategy",
  "ranking.budget",
];
const TYPING_PAUSE = 400; // milliseconds

export function NewRound(props: ProjectPageProps) {
  const { project, query } = props;
  const { name = "" } = project;
  const from = query.get("from") ?? "";
  const form = useAnswer(() => read(name, from), [name, from]);
  useEffect(() => {
    // What is copied is filled in; from then on the address says it.
    if (form.value?.copied) changeQuery({ from: "", ...form.value.copied }, { replace: true });
  }, [form.value]);
  return (
    <main class="new-round">
      <Title text="New round">
        <a href={pageAddress("rounds", name)}>All rounds</a>
      </Title>
      {form.error && <Trouble error={form.error} retry={() => void form.load()} />}
      {form.error && from && <a href={pageAddress("new round", name)}>Begin with the defaults instead</a>}
      {!form.value && !form.error && <Loading />}
      {form.value && !form.value.copied && (
        <Form {...props} description={form.value.description} models={form.value.models} />
      )}
    </main>
  );
}

interface Read {
  description: RecipeDescriptionJson;
  models: string[]; // names of the newest
  copied: Values | null; // of the round that is copied
}

async function read(project: string, from: string): Promise<Read> {
  const [description, models, round] = await Promise.all([
    call("RoundService", "describeRecipe", {}),
    call("ModelService", "listModels", { project, pageSize: 100 }),
    from ? call("RoundService", "getRound", { project, number: Number(from) }) : null,
  ]);
  const names = (models.models ?? []).map(({ name = "" }) => name);
  return { description, models: names, copied: round && valuesOf(description, round.recipe ?? {}) };
}

interface FormProps extends ProjectPageProps {
  description: RecipeDescriptionJson;
  models: readonly string[];
}

function Form({ project, query, description, models }: FormProps) {
  const { name = "" } = project;
  const fields = fieldsOf(description);
  const values: Values = Object.fromEntries(fields.map(({ path = "" }) => [path, query.get(path) ?? ""]));
  const text = recipeText(description, values);
  const wrong = Object.fromEntries(
    fields
      .map((field) => [field.path ?? "", problemOf(field, values[field.path ?? ""]!)] as const)
      .filter(([, problem]) => problem),
  );
  const hasWrong = Object.keys(wrong).length > 0;
  const { plan, refusal, load } = usePlan(name, text, hasWrong);
  const problems = { ...(refusal ? problemsIn(refusal.message, fields) : {}), ...wrong };
  const change = useChange();

  // Starts the round, and goes to its page.
  async function start() {
    const { number = 0 } = await change.call("RoundService", "submitRound", { project: name, recipe: text });
    location.hash = pageAddress("round", name, number);
  }

  const field = (each: RecipeFieldJson) => {
    const { path = "", defaults = [] } = each;
    const now = valueAt(plan.value?.recipe, path);
    return (
      <RecipeField
        key={path}
        field={each}
        value={values[path]!}
        // Of a field that is filled in, the plan has that value.
        byDefault={(values[path] === "" && now.length > 0 ? now : defaults).join(", ")}
        problem={problems[path] ?? ""}
        suggestions={path === "detector.init_model" ? models : undefined}
        change={(value) => changeQuery({ [path]: value }, { replace: true })}
      />
    );
  };
  const filled = fields.filter(({ path = "" }) => values[path] !== "");
  return (
    <form
      class="recipe"
      onSubmit={(event) => {
        event.preventDefault();
        if (!hasWrong) void change.run(start);
      }}
    >
      <div class="recipe-fields">
        <section class="card recipe-section" aria-label="First choices">
          {FIRST.map((path) => fields.find((each) => each.path === path)!).map(field)}
        </section>
        {(description.sections ?? []).map(({ name: section = "", comment = "", fields: all = [] }) => {
          const rest = all.filter(({ path = "" }) => !FIRST.includes(path));
          const used = rest.filter(({ path = "" }) => values[path] !== "" || problems[path]);
          return (
            <details key={section} class="card" open={used.length > 0}>
              <summary>
                <h3>{section === "" ? "seed" : section.replaceAll("_", " ")}</h3>
                {used.length > 0 && <span class="badge">{used.length} set</span>}
              </summary>
              {comment && <p class="faint about">{withCode(comment)}</p>}
              <div class="recipe-section">{rest.map(field)}</div>
            </details>
          );
        })}
      </div>
      <aside class="card recipe-aside">
        <h3>What it will take</h3>
        {plan.value && <Cost plan={plan.value} isOld={plan.isOld} />}
        {!plan.value && !refusal && !hasWrong && <Loading />}
        {refusal && <Refusal project={name} refusal={refusal} problems={problems} retry={load} />}
        {hasWrong && <p class="error">Correct the marked fields first.</p>}
        <div class="ways">
          <button type="submit" class="primary" disabled={change.isBusy || hasWrong}>
            Start the round
          </button>
          {filled.length > 0 && (
            <button
              type="button"
              onClick={() => changeQuery(Object.fromEntries(filled.map(({ path = "" }) => [path, ""])))}
            >
              All defaults
            </button>
          )}
        </div>
        <p class="error" role="alert">
          {change.error}
        </p>
        <h3>
          Recipe{" "}
          {text !== "" && (
            <button
              type="button"
              class="small"
              onClick={() => save(`${name}-recipe.textproto`, "text/plain", text)}
            >
              Save
            </button>
          )}
        </h3>
        <pre tabIndex={0}>{text === "" ? "# all defaults" : text}</pre>
        <p class="faint">
          The same from a shell: <code>loupe round submit{text !== "" && " --recipe FILE"}</code>
        </p>
      </aside>
    </form>
  );
}

interface Plan {
  value: RoundPlanJson | null;
  isOld: boolean; // the recipe has changed since
}

// Asks for the plan whenever the recipe has stopped changing.
function usePlan(project: string, text: string, hasWrong: boolean) {
  const plan = useSignal<Plan>({ value: null, isOld: false });
  const refusal = useSignal<Error | null>(null);
  const latest = useRef(0);
  const isFirst = useRef(true);

  async function load() {
    const number = ++latest.current;
    try {
      const value = await guarded(call("RoundService", "planRound", { project, recipe: text }));
      if (number !== latest.current) return;
      plan.value = { value, isOld: false };
      refusal.value = null;
    } catch (error) {
      if (number === latest.current) refusal.value = error as Error;
    }
  }
  useEffect(() => {
    ++latest.current;
    plan.value = { ...plan.value, isOld: true };
    if (hasWrong) return;
    const timer = setTimeout(() => void load(), isFirst.current ? 0 : TYPING_PAUSE);
    isFirst.current = false;
    return () => clearTimeout(timer);
  }, [project, text, hasWrong]);
  return { plan: plan.value, refusal: refusal.value, load };
}

interface RefusalProps {
  project: string;
  refusal: Error;
  problems: Record<string, string>;
  retry: () => Promise<void>;
}

function Refusal({ project, refusal, problems, retry }: RefusalProps) {
  if (!(refusal instanceof ApiError)) return <Failure message={refusal.message} retry={() => void retry()} />;
  if (refusal.reason === "NO_LABELS") {
    return (
      <p class="error">
        Nothing in the pool is labelled yet. <a href={annotateAddress(project)}>Label images</a> or import
        labels first.
      </p>
    );
  }
  return <p class="error">{problems[""] ?? "Correct the marked fields first."}</p>;
}
