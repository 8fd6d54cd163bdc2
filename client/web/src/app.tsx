import { Projects } from "./projects";
import { LoginForm } from "./login_form";
import { Failure } from "./failure";
import { Header } from "./header";
import { useEffect, useMemo } from "preact/hooks";
import type { TokenJson } from "../gen/loupe/v1/token_pb";
import { Annotate } from "./annotate/annotate";
import { Journal } from "./annotate/journal";
import { Outbox } from "./annotate/outbox";
import { Waiting } from "./annotate/saved";
import { NotAllowed } from "./not_allowed";
import { OwnWork } from "./own_work/own_work";
import { LazyDashboards } from "./lazy_dashboards";
import { WHO_LABELS, mayLabel } from "./role";
import { route, titleOf } from "./route";
import { Sessions } from "./sessions";
import { view } from "./session";

const journal = new Journal();

export function App() {
  const now = view.value;
  switch (now.name) {
    case "loading":
      return <Loading />;
    case "login":
      return <LoginForm message={now.message} />;
    case "failed":
      return (
        <main class="narrow">
          <Failure message={now.message} retry={now.retry} />
        </main>
      );
    case "home":
      return <Home key={now.caller.id} caller={now.caller} />;
  }
}

// Whichever page is open, what waits is sent.
function Home({ caller }: { caller: TokenJson }) {
  const outbox = useMemo(() => new Outbox(journal, caller.id ?? ""), [caller.id]);
  useEffect(() => outbox.start(), [outbox]);
  const { value: now } = route;
  useEffect(() => {
    document.title = titleOf(now);
    return () => void (document.title = "Loupe");
  }, [now]);
  if (now.name === "annotate") {
    const { project, open } = now;
    return <Annotate project={project} open={open} caller={caller} journal={journal} outbox={outbox} />;
  }
  if (now.name === "work") {
    const page = { project: now.project, caller, journal, outbox };
    return (
      <div class="wide">
        <Header caller={caller} />
        {mayLabel(caller.role) ? (
          <OwnWork key={now.project} {...page} />
        ) : (
          <NotAllowed role={caller.role} needs="ANNOTATOR">
            {WHO_LABELS}
          </NotAllowed>
        )}
      </div>
    );
  }
  if (now.name === "dashboard") return <LazyDashboards shown={now} caller={caller} />;
  return (
    <>
      <Header caller={caller} />
      <main>
        <Waiting outbox={outbox} />
        <Projects role={caller.role} />
        <Sessions />
      </main>
    </>
  );
}

function Loading() {
  return (
    <main class="narrow">
      <p class="faint" role="status">
        Loading…
      </p>
    </main>
  );
}
