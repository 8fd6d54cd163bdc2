import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import type { GuidelinesJson } from "../../gen/loupe/v1/project_pb";
import { ApiError, call } from "../api";
import { useAnswer } from "../dashboards/answer";
import { useChange } from "../dashboards/change";
import { save as saveFile } from "../dashboards/downloads";
import { FoundDraft, useDraft, type Draft } from "../dashboards/draft";
import { Empty } from "../dashboards/empty";
import type { ProjectPageProps } from "../dashboards/pages";
import { Loading } from "../dashboards/part";
import { When } from "../dashboards/when";
import { Failure } from "../failure";
import { MarkdownText } from "../markdown_text";
import { mayEngineer } from "../role";
import { changeQuery } from "../route";

interface Written {
  readonly text: string;
  readonly version: number; // that it is to follow; 0: it is the first one
}

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
  const draft = useDraft<Written>(`${caller.id} guidelines of ${name}`);
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
        draft={draft}
        saved={saved}
        leave={() => {
          draft.set(null);
          isEditing.value = false;
        }}
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
        {mayChange && (latest === 0 || value) && draft.value === null && (
          <button type="button" class="primary" onClick={() => (isEditing.value = true)}>
            {latest === 0 ? "Write guidelines" : shown === latest ? "Edit" : "Edit from this version"}
          </button>
        )}
      </div>
      {mayChange && (
        <FoundDraft draft={draft}>
          <button type="button" class="primary" onClick={() => (isEditing.value = true)}>
            Go on with it
          </button>
        </FoundDraft>
      )}
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
  draft: Draft<Written>;
  saved: () => Promise<void>;
  leave: () => void;
}

function Editor({ project, version, text: first, draft, saved, leave }: EditorProps) {
  const { text, version: expectedVersion } = draft.value ?? { text: first, version };
  const theirs = useSignal<GuidelinesJson | null>(null);
  const change = useChange();
  const isChanged = draft.value !== null;

  // Nobody loses a text by a slip.
  useEffect(() => {
    if (!isChanged) return;
    const ask = (event: BeforeUnloadEvent) => event.preventDefault();
    addEventListener("beforeunload", ask);
    return () => removeEventListener("beforeunload", ask);
  }, [isChanged]);

  const save = () =>
    change.run(async () => {
      const request = { project, content: text, expectedVersion };
      await change.call("ProjectService", "setGuidelines", request).catch(compare);
      draft.set(null);
      await saved();
    });

  // Another version was saved meanwhile: perhaps this one, and the answer was lost.
  async function compare(refusal: unknown) {
    if (!(refusal instanceof ApiError && refusal.reason === "GUIDELINES_CHANGED")) throw refusal;
    const now = await call("ProjectService", "getGuidelines", { project });
    if (now.content === text) return;
    theirs.value = now;
    draft.set({ text, version: now.version ?? 0 });
    throw refusal;
  }

  return (
    <section class="part" aria-labelledby="guidelines">
      <div class="part-head">
        <h3 id="guidelines">Guidelines: version {expectedVersion + 1}</h3>
        <button type="button" class="primary" disabled={change.isBusy || text === ""} onClick={save}>
          {theirs.value ? "Save over it" : "Save"}
        </button>
        <button type="button" onClick={leave}>
          {isChanged ? "Throw away" : "Cancel"}
        </button>
      </div>
      <p class="error lines" role="alert">
        {change.error}
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
            value={text}
            onInput={(event) => draft.set({ text: event.currentTarget.value, version: expectedVersion })}
          />
        </label>
        <div class="preview" role="group" aria-label="Preview">
          <span class="faint">As people see it</span>
          <div class="card page">
            <MarkdownText text={text} />
          </div>
        </div>
      </div>
    </section>
  );
}
