// What a tab takes of the memory: PSS of its renderer's process, as the kernel counts it.

import fs from "node:fs";
import { printTable, round, verdict } from "./figures.mjs";
import { annotator, createProject, fileShown, isShown, pageOf, predict } from "./projects.mjs";
import { Tab, pause } from "./tab.mjs";

const MOST = 450; // MB
const MOST_GROWTH = 20;
const SETTLE = 1_500; // milliseconds, until pictures are fetched ahead and the browser is idle

export async function measureMemory({ browser, deployment, ordinary, photographs, quick }) {
  const cookie = await annotator(deployment, "keeper");
  const series = {
    ordinary: { files: ordinary, at: quick ? [8, 30] : [1, 50, 500] },
    photograph: { files: photographs, at: quick ? [6] : [1, 50] },
  };
  const figures = {};
  for (const [name, { files, at }] of Object.entries(series)) {
    createProject(deployment, `memory-${name}`, ["scratch", "pit"], files.slice(0, at.at(-1) + 3));
    predict(deployment, `memory-${name}`, 5, 4);
    // Without a script of the benchmark, which would hold on to things.
    const tab = await Tab.open(browser, { cookie });
    await tab.go(pageOf(deployment, `memory-${name}`));
    figures[name] = await readings(tab, at);
    await tab.close();
  }
  const [early, late] = figures.ordinary.slice(-2);
  figures.growth_mb = round(late.pss_mb - early.pss_mb);
  const row = (title, { image, ...parts }) => [`${title}, image ${image}`, ...Object.values(parts)];
  printTable(
    "Memory of the tab's renderer, in MB, after garbage collection",
    ["", "PSS", "anonymous", "files", "shared", "heap of scripts", "nodes"],
    [
      ...figures.ordinary.map((reading) => row("2 megapixels", reading)),
      ...figures.photograph.map((reading) => row("12 megapixels", reading)),
    ],
  );
  const most = Math.max(late.pss_mb, figures.photograph.at(-1).pss_mb);
  console.log(
    `PSS (aim: below ${MOST}): ${verdict(most < MOST)}; from image ${early.image} to ${late.image} it grew ` +
      `by ${figures.growth_mb} MB (aim: below ${MOST_GROWTH}): ${verdict(figures.growth_mb < MOST_GROWTH)}`,
  );
  return figures;
}

// Accepts all boxes of image after image, and looks at the memory at some of them.
async function readings(tab, at) {
  await tab.until(isShown);
  const seen = [];
  for (let image = 1; ; ++image) {
    if (at.includes(image)) seen.push({ image, ...(await memoryOf(tab)) });
    if (image === at.at(-1)) return seen;
    const before = await tab.evaluate(fileShown);
    await tab.press("A");
    await tab.press("Enter");
    await tab.until(
      (name) => ![name, undefined].includes(document.querySelector(".file")?.textContent),
      before,
    );
    await tab.until(isShown);
    await pause(50);
  }
}

// `shared` holds decoded pictures and what is drawn of the page. The browser may take the former back where
// memory is short.
async function memoryOf(tab) {
  await pause(SETTLE);
  for (let i = 0; i < 2; ++i) await tab.send("HeapProfiler.collectGarbage");
  await pause(SETTLE);
  const rollup = fs.readFileSync(`/proc/${await tab.renderer()}/smaps_rollup`, "utf8");
  const mb = (name) => round(Number(rollup.match(new RegExp(`^${name}: *(\\d+) kB`, "m"))[1]) / 1024);
  const { usedSize } = await tab.send("Runtime.getHeapUsage");
  const { nodes } = await tab.send("Memory.getDOMCounters");
  return {
    pss_mb: mb("Pss"),
    anonymous_mb: mb("Pss_Anon"),
    files_mb: mb("Pss_File"),
    shared_mb: mb("Pss_Shmem"),
    heap_mb: round(usedSize / 2 ** 20),
    nodes,
  };
}
