// The first visit: from the navigation to the first picture on the screen. The browser runs already; the
// context is new, without a cache, and has the session's cookie.

import { median, printTable, round, verdict } from "./figures.mjs";
import { annotator, createProject, pageOf, predict } from "./projects.mjs";
import { Tab } from "./tab.mjs";
import { lastPicture, watch } from "./watch.mjs";

const AHEAD = 3; // images that a visit leases

export async function measureColdLoad({ browser, deployment, ordinary, photographs, quick }) {
  const loads = quick ? 3 : 10;
  const cookie = await annotator(deployment, "visitor");
  const figures = { loads };
  for (const [name, files] of Object.entries({ ordinary, photograph: photographs })) {
    createProject(deployment, `cold-${name}`, ["scratch", "pit"], files.slice(0, loads * AHEAD));
    predict(deployment, `cold-${name}`, 5, 4);
    const seen = [];
    for (let i = 0; i < loads; ++i) {
      const tab = await Tab.open(browser, { cookie, script: watch });
      await tab.go(pageOf(deployment, `cold-${name}`));
      const { painted } = await tab.until(lastPicture);
      seen.push({ ...(await tab.evaluate(milestones)), painted });
      if (i === 0) Object.assign(figures, await tab.evaluate(weights));
      await tab.close();
    }
    const over = (summary) => (key) => [key, round(summary(seen.map((load) => load[key])))];
    const all = (summary) => Object.fromEntries(Object.keys(seen[0]).map(over(summary)));
    figures[name] = { median_ms: all(median), max_ms: all((values) => Math.max(...values)) };
  }
  const { ordinary: small, photograph: large, script_bytes: scripts, style_bytes: styles } = figures;
  const row = (title, key) => [
    title,
    ...[small, large].flatMap((size) => [size.median_ms[key], size.max_ms[key]]),
  ];
  const isMet = small.max_ms.painted < 1_000 && large.max_ms.painted < 1_000;
  printTable(
    `First visit, ${loads} loads each, in ms from the navigation`,
    ["", "2 MP: median", "max", "12 MP: median", "max"],
    [
      row("scripts are there", "scripts"),
      row("project and classes are there", "status"),
      row("tasks are there", "tasks"),
      row("picture is there", "picture"),
      row("picture in the document", "in_document"),
      row(`painted (aim: below 1000: ${verdict(isMet)})`, "painted"),
    ],
  );
  const bytes = `scripts ${scripts} bytes compressed (aim: 60000: ${verdict(scripts <= 60_000)})`;
  console.log(`${bytes}, styles ${styles} bytes`);
  return figures;
}

// In the page: when what it needs had arrived, in milliseconds from the navigation.
function milestones() {
  const entries = performance.getEntriesByType("resource");
  const end = (sign) => entries.find(({ name }) => name.includes(sign))?.responseEnd ?? NaN;
  const scripts = entries.filter(({ name }) => name.endsWith(".js")).map((each) => each.responseEnd);
  return {
    scripts: Math.max(...scripts),
    status: end("/GetStatus"),
    tasks: end("/NextTasks"),
    picture: end("/images/"),
    in_document: window.bench.pictures[0].inDocument,
  };
}

// In the page: what scripts and styles weigh as they were sent.
function weights() {
  const entries = performance.getEntriesByType("resource");
  const weight = (ending) =>
    entries.reduce((total, each) => total + (each.name.endsWith(ending) ? each.encodedBodySize : 0), 0);
  return { script_bytes: weight(".js"), style_bytes: weight(".css") };
}
