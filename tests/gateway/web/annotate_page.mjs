// What the tests of the annotation page share: projects of made-up pictures, a browser, and a person's hands.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { chromium } from "playwright-core";
import { BIN, Deployment } from "./deployment.mjs";

const LAUNCH = {
  executablePath: "/usr/bin/chromium",
  headless: true,
  args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
};
const WAIT = 20_000; // milliseconds
export const SCREENSHOTS = process.cwd();

// A coordinator and a browser.
export class Workplace {
  constructor(options) {
    this.deployment = new Deployment(options);
  }

  async open() {
    this.browser = await chromium.launch(LAUNCH);
  }

  async close() {
    await this.browser?.close();
    this.deployment.down();
  }

  // A project of made-up pictures of machined parts, 128 pixels wide and high. Returns where they lie, and
  // what is on them, as COCO has it.
  createParts(project, { images, seed = 7, holdout = 0 }) {
    const folder = path.join(this.deployment.folder, project);
    const words = ["sample", "--out", folder, "--images", images, "--seed", seed];
    execFileSync(path.join(BIN, "loupe-worker"), words);
    const truth = JSON.parse(fs.readFileSync(path.join(folder, "annotations.json")));
    const classes = truth.categories.map((each) => each.name);
    this.createProject(project, classes, path.join(folder, "images"), holdout);
    return { folder, truth };
  }

  // `folder`: of pictures; without it there are none.
  createProject(project, classes, folder, holdout = 0) {
    const { deployment } = this;
    const words = ["--holdout-fraction", holdout, "--seed", 3];
    deployment.loupe("project", "create", project, "--classes", classes.join(","), ...words);
    if (folder) deployment.loupe("import", "--images", folder, "--project", project);
  }

  // Writes JPEG pictures: on grey, rectangles as [x, y, width, height, colour], and noise that the seed
  // decides. `orientation`: as EXIF numbers them; the sizes are those before a viewer turns the picture.
  async paint(folder, pictures) {
    fs.mkdirSync(folder, { recursive: true });
    const page = await this.browser.newPage();
    for (const { file, orientation, ...picture } of pictures) {
      const address = await page.evaluate(paintedPicture, picture);
      const jpeg = Buffer.from(address.split(",")[1], "base64");
      fs.writeFileSync(path.join(folder, file), orientation ? turned(jpeg, orientation) : jpeg);
    }
    await page.close();
  }

  // A made-up model serves, without a round. `boxes`: by file name, each [x1, y1, x2, y2, label, score], best
  // score first. `blindEvery`: see setBlind.
  predict(project, boxes, { blindEvery = 0 } = {}) {
    const rows = [...boxes].map(([file, found]) => predictionRow(project, file, found));
    this.deployment.psql(`
      INSERT INTO model (project_id, number, name, preset, state, weights_sha256, weights_bytes)
      SELECT id, 1, 'made-up', 'small', 'serving', sha256('made-up'), 1 FROM project
      WHERE name = '${project}';
      INSERT INTO prediction (model_id, image_id, corners, labels, scores, runner_up_labels, runner_up_scores,
                              background_scores, agreements, embedding, max_foreground_score, partner_corners)
      SELECT model.id, row.image, row.corners, row.labels, row.scores, row.others, row.zeros, row.more,
             '{}', '', 0.9, row.partners
      FROM model JOIN project ON project.id = project_id AND project.name = '${project}',
           (VALUES ${rows.join(",\n")})
           AS row (image, corners, labels, scores, others, zeros, more, partners);
      UPDATE ranking SET model_id = model.id
      FROM model JOIN project ON project.id = model.project_id AND project.name = '${project}'
      WHERE ranking.project_id = model.project_id`);
    this.setBlind(project, blindEvery);
  }

  // One task in so many is blind; 0: none but those of the holdout.
  setBlind(project, every) {
    const blind = every > 0 ? `position % ${every} = ${every - 1}` : "false";
    this.deployment.psql(`
      UPDATE ranking_entry SET blind = image_side = 'holdout' OR ${blind}
      FROM ranking JOIN project ON project.id = project_id
      WHERE ranking.id = ranking_id AND project.name = '${project}'`);
  }

  // A page in a browser profile of its own. `problems`: what went wrong on it.
  async newPage(t, options = {}) {
    const context = await this.browser.newContext({ viewport: { width: 1280, height: 800 }, ...options });
    t.after(() => context.close());
    context.setDefaultTimeout(WAIT);
    return watched(await context.newPage());
  }

  // A page of a browser whose profile is on the disk: only such a one has a quota that can be set.
  async newPageOnDisk(t) {
    const profile = fs.mkdtempSync(path.join(this.deployment.folder, "profile-"));
    const context = await chromium.launchPersistentContext(profile, LAUNCH);
    t.after(() => context.close());
    context.setDefaultTimeout(WAIT);
    return watched(await context.newPage());
  }

  // What `look` makes of a PNG's pixels; it runs in a browser, by itself.
  async inspect(png, look) {
    this.inspecting ??= this.browser.newPage();
    const page = await this.inspecting;
    return page.evaluate(
      async ([base64, code]) => {
        const image = new Image();
        image.src = `data:image/png;base64,${base64}`;
        await image.decode();
        const context = new OffscreenCanvas(image.width, image.height).getContext("2d");
        context.drawImage(image, 0, 0);
        return new Function(`return ${code}`)()(context.getImageData(0, 0, image.width, image.height));
      },
      [png.toString("base64"), String(look)],
    );
  }

  async logIn(page, name) {
    await page.goto(this.deployment.loupe("token", "link", name).trim());
    await page.getByRole("heading", { name: "Projects" }).waitFor();
  }

  // A page on which a new annotator has the first task of a project.
  async annotate(t, name, project, options) {
    this.deployment.token("annotator", name);
    const page = await this.newPage(t, options);
    await this.logIn(page, name);
    await this.goTo(page, project);
    await isReady(page);
    return page;
  }

  async goTo(page, project, query = "") {
    await page.goto(`${this.deployment.url}/#/p/${encodeURIComponent(project)}/annotate${query}`);
  }

  // What is stored of an image, oldest first.
  answersTo(file, project) {
    return this.deployment.json("provenance", "image", file, "--project", project).revisions;
  }

  // The last answer's boxes, as [x1, y1, x2, y2, label, origin], rounded.
  boxesOf(file, project) {
    const { boxes } = this.answersTo(file, project).at(-1);
    return boxes.map(({ box, label, origin }) => [...box.map(Math.round), label, origin]);
  }

  count(sql) {
    return Number(this.deployment.psql(`SELECT count(*) FROM ${sql}`));
  }

  // How many images are leased to the person.
  held(name) {
    return this.count(`lease JOIN principal ON principal.id = holder_id WHERE name = '${name}'`);
  }

  // How many answers the project has.
  answers(project) {
    return this.count(`label_revision JOIN image ON image.id = image_id
      JOIN project ON project.id = project_id WHERE project.name = '${project}'`);
  }
}

export function watched(page) {
  page.problems = [];
  page.on("pageerror", (error) => page.problems.push(String(error)));
  page.on("console", (message) => {
    if (/Content Security Policy/.test(message.text())) page.problems.push(message.text());
  });
  return page;
}

// Runs in a browser.
function paintedPicture({ width, height, shapes = [], seed = 0 }) {
  const canvas = Object.assign(document.createElement("canvas"), { width, height });
  const context = canvas.getContext("2d");
  context.fillStyle = "#a8a8a8";
  context.fillRect(0, 0, width, height);
  for (const [x, y, w, h, colour] of shapes) {
    context.fillStyle = colour;
    context.fillRect(x, y, w, h);
  }
  const pixels = context.getImageData(0, 0, width, height);
  let state = seed;
  for (let i = 0; seed && i < pixels.data.length; i += 4) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    for (let k = 0; k < 3; ++k) pixels.data[i + k] += (state >>> 29) - 4;
  }
  context.putImageData(pixels, 0, 0);
  return canvas.toDataURL("image/jpeg", 0.95);
}

// With an EXIF segment that says how viewers are to turn the picture.
function turned(jpeg, orientation) {
  const tiff = Buffer.from("49492a0008000000010012010300010000000000000000000000", "hex");
  tiff[18] = orientation;
  const content = Buffer.concat([Buffer.from("Exif\0\0", "latin1"), tiff]);
  const head = Buffer.from([0xff, 0xe1, 0, content.length + 2]);
  return Buffer.concat([jpeg.subarray(0, 2), head, content, jpeg.subarray(2)]);
}

const real = (numbers) => `'{${numbers.join(",")}}'::real[]`;

function predictionRow(project, file, boxes) {
  const corners = boxes.map((box) => box.slice(0, 4));
  // The same boxes in the mirrored picture, a little off: their sides are not equally certain.
  const partners = corners.map(([x1, y1, x2, y2]) => [x1 + (x2 - x1) * 0.6, y1, x2, y2 - (y2 - y1) * 0.3]);
  const none = real(boxes.map(() => 0));
  const classes = `'{${boxes.map(([, , , , label]) => label).join(",")}}'::smallint[]`;
  const scores = real(boxes.map(([, , , , , score]) => score));
  const image = `(SELECT image.id FROM image JOIN project ON project.id = project_id
    WHERE project.name = '${project}' AND file_name = '${file}')`;
  return `(${image}, ${real(corners.flat())}, ${classes}, ${scores}, ${classes}, ${none}, ${none},
    ${real(partners.flat())})`;
}

// What a made-up model finds: what is there, with scores that fall, and one box more that isn't there.
export function guessesOf({ images, annotations }) {
  return new Map(
    images.map(({ id, file_name: file, width, height }) => {
      const boxes = annotations.filter((each) => each.image_id === id);
      const found = boxes.map(({ bbox: [x, y, w, h], category_id: label }) => [
        ...[x, y, Math.min(x + w, width), Math.min(y + h, height)],
        label,
      ]);
      const all = [...found, [4, 4, 24, 20, 1]];
      return [file, all.map((box, i) => [...box, (0.95 / (1 + 0.4 * i)).toFixed(3)])];
    }),
  );
}

// Cuts the answer to the page's next call of the method, once the coordinator has given it.
export const loseAnswer = (page, method) =>
  page.route(
    `**/${method}`,
    async (route) => {
      await route.fetch();
      await route.abort();
    },
    { times: 1 },
  );

export const isReady = (page) => page.locator(".stage[data-picture] canvas").waitFor();
export const hasSent = (page) => page.getByText("0 waiting to send · saved").waitFor();
export const refusedOn = (page) => page.getByText("Not taken").count();
export const fileOn = (page) => page.locator(".file").textContent();
export const rowsOn = (page) => page.getByRole("region", { name: /^Boxes/ }).getByRole("listitem");
export const isBlind = (page) => page.getByText("Blind: draw what you see").isVisible();
export const selectedOn = (page) => page.locator(".boxes [aria-pressed=true]").count();

export async function press(page, ...keys) {
  for (const key of keys) await page.keyboard.press(key);
}

// Opens a project's page from the list of projects.
export async function openProject(page, project) {
  await page.getByRole("link", { name: `Label ${project}`, exact: true }).click();
  await isReady(page);
}

// Waits for another image than this one.
export const isNext = (page, file) =>
  page.waitForFunction((before) => {
    const now = document.querySelector(".file")?.textContent;
    return now && now !== before;
  }, file);

// Submits, and waits for the next image.
export async function submit(page) {
  const file = await fileOn(page);
  await page.keyboard.press("Enter");
  await isNext(page, file);
  return file;
}

// Submits, and waits for the next image, or for what stands in its place when there is none.
export async function submitOrEnd(page) {
  const file = await fileOn(page);
  await page.keyboard.press("Enter");
  await page.waitForFunction((before) => {
    const now = document.querySelector(".file")?.textContent;
    return (now && now !== before) || document.querySelector(".place button");
  }, file);
  return file;
}

export const isAtEnd = (page) => page.locator(".place button").first().isVisible();

// How many pictures the page has fetched since it was loaded.
export const picturesOn = (page) =>
  page.evaluate(() => {
    const fetched = performance.getEntriesByType("resource").map((each) => each.name);
    return new Set(fetched.filter((name) => name.includes("/images/"))).size;
  });

// How many boxes the browser's own database keeps for the image: the work in hand is on the disk.
export const keptOn = async (page, file) => (await keptLabelsOn(page, file))?.length ?? -1;

// Their labels; null: it keeps nothing for the image.
export const keptLabelsOn = (page, file) =>
  page.evaluate(async (name) => {
    const resultOf = (request) =>
      new Promise((resolve, reject) => {
        request.onsuccess = () => resolve(request.result);
        request.onerror = () => reject(request.error);
      });
    const database = await resultOf(indexedDB.open("loupe"));
    const drafts = await resultOf(database.transaction("drafts").objectStore("drafts").getAll());
    database.close();
    return drafts.find((draft) => draft.task.fileName === name)?.boxes.map(({ label }) => label) ?? null;
  }, file);

// Ends the process that shows the page, as when memory runs out: it can't say good-bye.
export async function crash(page) {
  const devtools = await page.context().newCDPSession(page);
  const crashed = page.waitForEvent("crash");
  devtools.send("Page.crash").catch(() => {}); // Nobody is left to answer.
  await crashed;
}

// Where a point of the image is on the screen, once the picture stays where it is.
export async function onScreen(page, x, y) {
  return page.locator(".picture > *").evaluate(
    async (picture, [x, y]) => {
      const bounds = () => picture.getBoundingClientRect();
      const isSame = (a, b) => ["left", "top", "width", "height"].every((side) => a[side] === b[side]);
      const frame = () => new Promise((resolve) => requestAnimationFrame(resolve));
      for (let before; !before || !isSame(before, bounds());) {
        before = bounds();
        await frame();
        await frame();
      }
      const { left, top, width, height } = bounds();
      const [columns, rows] = [picture.style.width, picture.style.height].map(parseFloat);
      return [left + (x * width) / columns, top + (y * height) / rows];
    },
    [x, y],
  );
}

// Without buttons, to a point of the image.
export async function point(page, x, y) {
  await page.mouse.move(...(await onScreen(page, x, y)), { steps: 2 });
}

export async function click(page, x, y) {
  await page.mouse.click(...(await onScreen(page, x, y)));
}

// From one point of the image to another.
export async function drag(page, from, to) {
  await page.mouse.move(...(await onScreen(page, ...from)));
  await page.mouse.down();
  await page.mouse.move(...(await onScreen(page, ...to)), { steps: 4 });
  await page.mouse.up();
}

// Waits until the `place`-th box that isn't only predicted is selected.
export const isSelected = (page, place) =>
  page.waitForFunction((at) => {
    const row = document.querySelectorAll(".row:has(.number.confirmed)")[at];
    return row?.getAttribute("aria-pressed") === "true";
  }, place);

const axe = fs.readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

// What axe finds to be serious or critical, as text.
export async function violationsOn(page) {
  await page.evaluate(axe);
  const { violations, passes } = await page.evaluate(() => window.axe.run(document));
  assert.ok(passes.some(({ id }) => id === "color-contrast")); // It has looked.
  assert.ok(passes.length > 10);
  return violations
    .filter(({ impact }) => ["serious", "critical"].includes(impact))
    .flatMap(({ id, nodes }) => nodes.map((node) => `${id}: ${node.html} ${node.failureSummary}`));
}
