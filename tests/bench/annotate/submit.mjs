// From Enter to the next picture on the screen.

import { median, printTable, quantile, randomFrom, round, verdict } from "./figures.mjs";
import { SECONDS } from "./hand.mjs";
import { annotator, createProject, isShown, pageOf, predict } from "./projects.mjs";
import { Tab, pause } from "./tab.mjs";
import { lastPicture, watch } from "./watch.mjs";

// Between two images, in milliseconds: who finds nothing to correct looks, decides, and presses a key.
const SHORTEST_PAUSE = 1000 * (SECONDS.look + SECONDS.think);
const LONGEST_PAUSE = SHORTEST_PAUSE + 1_000;
// So long nobody asks the page for anything after Enter.
const UNDISTURBED = 250;

// Submit to next picture, with 12 megapixels and 20 predicted boxes.
export async function measureSubmit({ browser, deployment, photographs, quick }) {
  const count = quick ? 6 : 50;
  createProject(deployment, "submit", ["scratch", "pit"], photographs.slice(0, count + 1));
  predict(deployment, "submit", 5, 4);
  const random = randomFrom(1);
  const human = () => pause(SHORTEST_PAUSE + (LONGEST_PAUSE - SHORTEST_PAUSE) * random());
  const cookie = await annotator(deployment, "submitter");

  let tab = await Tab.open(browser, { cookie, script: watch });
  await tab.go(pageOf(deployment, "submit"));
  await tab.until(isShown);
  const ours = await submitAll(tab, count, human);
  await tab.close();

  tab = await Tab.open(browser, { cookie, script: watch });
  await tab.go(`${deployment.url}/no-page`); // Any document of this origin: pictures want the cookie.
  await pause(500);
  await tab.evaluate(showPlainly, addressesOf(deployment, "submit"));
  const plain = await submitAll(tab, count, () => pause(300));
  await tab.close();
  return report(ours, plain);
}

async function submitAll(tab, count, human) {
  const pictures = [];
  for (let i = 0; i < count; ++i) {
    await human();
    const before = await tab.evaluate(() => window.bench.pictures.length);
    await tab.press("Enter");
    await pause(UNDISTURBED);
    await tab.until((seen) => window.bench.pictures.length > seen, before);
    pictures.push(await tab.until(lastPicture));
  }
  return pictures;
}

function addressesOf(deployment, project) {
  const hashes = deployment.psql(`SELECT encode(image.sha256, 'hex') FROM image
    JOIN project ON project.id = project_id WHERE project.name = '${project}' ORDER BY image.id`);
  return hashes.split("\n").map((hash) => `/images/${hash}`);
}

// The reference, in the page: Enter sets the source of an <img>, waits until it's decoded, and shows it.
function showPlainly(addresses) {
  const style = { position: "fixed", inset: "0", width: "100%", height: "100%", objectFit: "contain" };
  const left = [...addresses];
  document.body.replaceChildren();
  addEventListener("keydown", async () => {
    const image = Object.assign(new Image(), { src: left.shift() });
    Object.assign(image.style, style);
    await image.decode();
    document.body.replaceChildren(image);
  });
}

function report(ours, plain) {
  const figures = { images: ours.length };
  const stages = { inDocument: "in_document_ms", twoFrames: "two_frames_ms", painted: "painted_ms" };
  for (const [way, pictures] of Object.entries({ page: ours, plain })) {
    figures[way] = {};
    for (const [stage, name] of Object.entries(stages)) {
      const values = pictures.map((each) => each[stage]);
      const [p50, p95, max] = [median(values), quantile(values, 0.95), Math.max(...values)];
      figures[way][name] = { p50: round(p50), p95: round(p95), max: round(max) };
    }
  }
  figures.ratio = round(figures.plain.painted_ms.p50 / figures.page.painted_ms.p50, 2);
  const row = (title, { p50, p95, max }) => [title, p50, p95, max];
  const isMet = figures.page.painted_ms.p95 < 50;
  printTable(
    `Submit to next picture, ${ours.length} images of 12 megapixels with 20 boxes, in ms from Enter`,
    ["", "p50", "p95", "max"],
    [
      row("picture in the document", figures.page.in_document_ms),
      row("the page's own thread is done (two frames)", figures.page.two_frames_ms),
      row(`painted (aim: p95 below 50: ${verdict(isMet)})`, figures.page.painted_ms),
      row("a plain <img>, nothing fetched ahead: painted", figures.plain.painted_ms),
      ["ratio of the medians, plain to page", figures.ratio],
    ],
  );
  return figures;
}
