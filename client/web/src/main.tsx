import { render } from "preact";
import { App } from "./app";
import { readAddress } from "./route";
import { openLink, resume } from "./session";

// A log-in link that is opened in this tab changes only the fragment: the page isn't loaded again.
addEventListener("hashchange", () => {
  openLink();
  readAddress();
});
if (!openLink()) void resume("");
readAddress();
render(<App />, document.getElementById("app")!);
