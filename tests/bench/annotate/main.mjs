// Runs parts of the benchmark of the annotation page; annotate_bench.py says what they are, and calls it:
//   node main.mjs FOLDER QUICK PART...    FOLDER has the pictures, and takes the figures as figures.json

import fs from "node:fs";
import path from "node:path";
import { Deployment } from "../../gateway/web/deployment.mjs";
import { measureColdLoad } from "./cold.mjs";
import { measureFrames } from "./frames.mjs";
import { measureMemory } from "./memory.mjs";
import { measureStudy } from "./study.mjs";
import { measureSubmit } from "./submit.mjs";
import { WINDOW, launchBrowser } from "./tab.mjs";

const measures = {
  submit: measureSubmit,
  frames: measureFrames,
  cold: measureColdLoad,
  memory: measureMemory,
  study: measureStudy,
};

const [folder, quick, ...parts] = process.argv.slice(2);
const filesIn = (name) => {
  const whole = path.join(folder, name);
  return fs.existsSync(whole)
    ? fs
        .readdirSync(whole)
        .sort()
        .map((file) => path.join(whole, file))
    : [];
};
const deployment = new Deployment();
const browser = await launchBrowser();
const options = {
  browser,
  deployment,
  photographs: filesIn("photographs"),
  ordinary: filesIn("ordinary"),
  quick: quick === "quick",
};
const figures = { browser: `Chromium ${browser.version()}`, window: WINDOW };
console.log(
  `Chromium ${browser.version()}, headless, without a GPU: it draws with the processor; ` +
    `${WINDOW.width} x ${WINDOW.height} pixels`,
);
try {
  for (const part of parts) {
    const began = Date.now();
    figures[part] = await measures[part](options);
    console.log(`(${part}: ${Math.round((Date.now() - began) / 1000)} s)`);
  }
} finally {
  await browser.close();
  deployment.down();
}
fs.writeFileSync(path.join(folder, "figures.json"), JSON.stringify(figures));
