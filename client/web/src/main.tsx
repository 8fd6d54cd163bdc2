import { render } from "preact";
import { App } from "./app";
import { loadDashboards } from "./lazy_dashboards";
import { readAddress, route } from "./route";
import { openLink, resume } from "./session";

// A log-in link that is opened in this tab changes only the fragment: the page isn't loaded again.
addEventListener("hashchange", () => {
  openLink();
  readAddress();
});
if (!openLink()) void resume("");
readAddress();
// Together with who is logged in. What fails is tried again when it is shown.
if (route.value.name === "dashboard") void loadDashboards().catch(() => {});
render(<App />, document.getElementById("app")!);
