import { Projects } from "./projects";
import { LoginForm } from "./login_form";
import { Failure } from "./failure";
import { Header } from "./header";
import { Annotate } from "./annotate/annotate";
import { route } from "./route";
import { Sessions } from "./sessions";
import { view } from "./session";

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
      if (route.value.name === "annotate") {
        return <Annotate project={route.value.project} caller={now.caller} />;
      }
      return (
        <>
          <Header caller={now.caller} />
          <main>
            <Projects role={now.caller.role} />
            <Sessions />
          </main>
        </>
      );
  }
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
