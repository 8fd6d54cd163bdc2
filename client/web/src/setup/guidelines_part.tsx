import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import type { GuidelinesJson } from "../../gen/loupe/v1/project_pb";
import { newRequestId } from "../annotate/request_id";
import { ApiError, call } from "../api";
import { useAnswer } from "../dashboards/answer";
import { save as saveFile } from "../dashboards/downloads";
import { Empty } from "../dashboards/empty";
import type { ProjectPageProps } from "../dashboards/pages";
import { Loading } from "../dashboards/part";
import { When } from "../dashboards/when";
import { Failure } from "../failure";
import { MarkdownText } from "../markdown_text";
import { mayEngineer } from "../role";
import { changeQuery } from "../route";
import { guarded } from "../session";

// How people are to label: the versions, and an editor for the next one.
export function GuidelinesPart({ project, reload, query, caller }: ProjectPageProps) {
  const name = project.name ?? "";
  const latest = project.guidelinesVersion ?? 0;
  const asked = Number(query.get("version") ?? 0);
  const shown = asked || latest;
  const { value, error, load } = useAnswer(
    async () =>
      latest === 0 && asked === 0
        ? null
        : call("ProjectService", "getGuidelines", { project: name, version: shown }),
    [name, shown],
  );
  const isEditing = useSignal(false);
  const mayChange = mayEngineer(caller.role);

  async function saved() {
    isEditing.value = false;
    changeQuery({ version: undefined });
    await reload();
  }
  if (isEditing.value) {
    return (
      <Editor
        project={name}
        version={shown}
        text={value?.content ?? ""}
        saved={saved}
        leave={() => (isEditing.value = false)}
      />
    );
  }
  const isGone = error instanceof ApiError && error.reason === "NO_SUCH_GUIDELINES";
  return (
    <section class="part" aria-labelledby="guidelines">
      <div class="part-head">
        <h3 id="guidelines">Guidelines</h3>
        {value && (
          <button
            type="button"
            onClick={() =>
              saveFile(`${name}-guidelines-${value.version}.md`, "text/markdown", value.content ?? "")
            }
          >
            Markdown
          </button>
        )}
        {mayChange && (latest === 0 || value) && (
          <button type="button" class="primary" onClick={() => (isEditing.value = true)}>
            {latest === 0 ? "Write guidelines" : shown === latest ? "Edit" : "Edit from this version"}
          </button>
        )}
      </div>
      {isGone && (
        <p role="alert">
          There is no version {shown}.{" "}
          <a href={location.hash.split("?")[0] + "?part=guidelines"}>The latest one</a>
        </p>
      )}
      {error && !isGone && <Failure message={error.message} retry={() => void load()} />}
      {latest === 0 && !error && (
        <Empty>
          No guidelines yet: people label best when they can read what counts and what doesn't, with the
          doubtful cases. They see them beside the picture.
        </Empty>
      )}
      {latest > 0 && !value && !error && <Loading />}
      {value && <Version guidelines={value} latest={latest} />}
    </section>
  );
}

function Version({ guidelines, latest }: { guidelines: GuidelinesJson; latest: number }) {
  const { version = 0, author, content = "", createdAt } = guidelines;
  return (
    <>
      <div class="versions">
        <button type="button" disabled={version <= 1} onClick={() => changeQuery({ version: version - 1 })}>
          Older
        </button>
        <span>
          Version {version} of {latest}, by <span class="name">{author}</span>, <When at={createdAt} />
        </span>
        <button
          type="button"
          disabled={version >= latest}
          onClick={() => changeQuery({ version: version + 1 })}
        >
          Newer
        </button>
      </div>
      <div class="card page">
        <MarkdownText text={content} />
      </div>
    </>
  );
}

interface EditorProps {
  project: string;
  version: number; // that the text is from; 0: there was none
  text: string;
  saved: () => Promise<void>;
  leave: () => void;
}

function Editor({ project, version, text: first, saved, leave }: EditorProps) {
  const text = useSignal(first);
  const expected = useSignal(version);
  const error = useSignal("");
  const theirs = useSignal<GuidelinesJson | null>(null);
  const isBusy = useSignal(false);
  const isChanged = text.value !== first;

  // Nobody loses a text by a slip.
  useEffect(() => {
    if (!isChanged) return;
    const ask = (event: BeforeUnloadEvent) => event.preventDefault();
    addEventListener("beforeunload", ask);
    return () => removeEventListener("beforeunload", ask);
  }, [isChanged]);

  async function write() {
    isBusy.value = true;
    error.value = "";
    try {
      await guarded(
        call("ProjectService", "setGuidelines", {
          requestId: newRequestId(),
          project,
          content: text.value,
          expectedVersion: expected.value,
        }),
      );
      await saved();
    } catch (refusal) {
      error.value = (refusal as Error).message;
      if (refusal instanceof ApiError && refusal.reason === "GUIDELINES_CHANGED") await readTheirs();
    } finally {
      isBusy.value = false;
    }
  }
  async function readTheirs() {
    const answer = await guarded(call("ProjectService", "getGuidelines", { project })).catch(() => null);
    theirs.value = answer;
    expected.value = answer?.version ?? 0;
  }

  return (
    <section class="part" aria-labelledby="guidelines">
      <div class="part-head">
        <h3 id="guidelines">Guidelines: version {expected.value + 1}</h3>
        <button type="button" class="primary" disabled={isBusy.value || text.value === ""} onClick={write}>
          {theirs.value ? "Save over it" : "Save"}
        </button>
        <button type="button" onClick={leave}>
          {isChanged ? "Throw away" : "Cancel"}
        </button>
      </div>
      <p class="error lines" role="alert">
        {error}
      </p>
      {theirs.value && (
        <details open class="card page">
          <summary>
            Version {theirs.value.version}, by {theirs.value.author}
          </summary>
          <MarkdownText text={theirs.value.content ?? ""} />
        </details>
      )}
      <div class="editor">
        <label>
          <span class="faint">Markdown</span>
          <textarea
            spellcheck
            maxLength={100_000}
            value={text.value}
            onInput={(event) => (text.value = event.currentTarget.value)}
          />
        </label>
        <div class="preview" role="group" aria-label="Preview">
          <span class="faint">As people see it</span>
          <div class="card page">
            <MarkdownText text={text.value} />
          </div>
        </div>
      </div>
    </section>
  );
}
