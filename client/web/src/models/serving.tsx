// Which model serves, and how that is changed.

import { useSignal } from "@preact/signals";
import type { ModelJson } from "../../gen/loupe/v1/model_pb";
import { ApiError } from "../api";
import { useChange } from "../dashboards/change";
import { pageAddress } from "../route";
import { guarded } from "../session";
import { meaningOf } from "./gate";

interface Props {
  project: string;
  model: ModelJson;
  serving: ModelJson | null;
  reload: () => Promise<void>;
}

export function Serving({ project, model, serving, reload }: Props) {
  const message = useSignal("");
  const isBusy = useSignal(false);
  const { call } = useChange();

  async function change(ask: () => Promise<ModelJson>) {
    isBusy.value = true;
    message.value = "";
    try {
      const { number } = await guarded(ask());
      message.value = `Model ${number} serves now.`;
    } catch (error) {
      const isStale = error instanceof ApiError && error.reason === "SERVING_CHANGED";
      message.value = isStale
        ? "Somebody changed meanwhile which model serves, so nothing was done. The page shows what holds now."
        : (error as Error).message;
    }
    await reload();
    isBusy.value = false;
  }
  const now = { project, serving: serving?.number ?? 0 };
  const promote = () =>
    change(() => call("ModelService", "promoteModel", { ...now, model: String(model.number) }));
  const rollBack = () => change(() => call("ModelService", "rollbackModel", now));

  return (
    <section class="part" aria-label="Serving">
      <div class="part-head">
        <h3>Serving</h3>
      </div>
      {model.state === "serving" ? (
        <RollBack project={project} model={model} isBusy={isBusy.value} rollBack={rollBack} />
      ) : (
        <Promote project={project} model={model} serving={serving} isBusy={isBusy.value} promote={promote} />
      )}
      <p role="status">{message.value}</p>
    </section>
  );
}

interface RollBackProps {
  project: string;
  model: ModelJson;
  isBusy: boolean;
  rollBack: () => Promise<void>;
}

function RollBack({ project, model, isBusy, rollBack }: RollBackProps) {
  if (!model.replaced)
    return <p>It serves: it ranks the queue and predicts for annotators. No model served before it.</p>;
  return (
    <>
      <p>
        It serves: it ranks the queue and predicts for annotators. Rolling back makes{" "}
        <a href={pageAddress("model", project, model.replaced)}>model {model.replaced}</a>, which served
        before it, the serving model again, and the ranking made from that one the queue. This model is kept
        and can be promoted again. Labels stay as they are.
      </p>
      <button type="button" disabled={isBusy} onClick={() => void rollBack()}>
        Roll back to model {model.replaced}
      </button>
    </>
  );
}

interface PromoteProps {
  project: string;
  model: ModelJson;
  serving: ModelJson | null;
  isBusy: boolean;
  promote: () => Promise<void>;
}

function Promote({ project, model, serving, isBusy, promote }: PromoteProps) {
  if (!model.round) {
    const start = pageAddress("new round", project, "", {
      "detector.init_model": model.name,
      "detector.preset": model.preset,
    });
    return (
      <p>
        It can't serve, since no round of this project trained it. <a href={start}>Start a round from it</a>.
      </p>
    );
  }
  if (!model.evaluation) return <p>It can't serve yet, since it is not evaluated.</p>;
  return (
    <>
      <p>
        {serving ? (
          <>
            <a href={pageAddress("model", project, serving.number)}>Model {serving.number}</a> serves now.
          </>
        ) : (
          "No model serves now."
        )}{" "}
        Promoting makes this one the serving model, whatever its gate says: it predicts for annotators, and
        the ranking made from it becomes the queue.{" "}
        {serving && `Model ${serving.number} is kept, and you can roll back to it. `}
        {model.gate?.outcome === "GATE_HELD" && meaningOf(model.gate)}
      </p>
      <button type="button" disabled={isBusy} onClick={() => void promote()}>
        Promote model {model.number}
      </button>
    </>
  );
}
