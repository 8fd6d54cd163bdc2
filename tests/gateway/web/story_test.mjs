// The whole way without a shell: a project is made and filled, a round trains its first model, a second person
// labels with that model's boxes, a second round trains, and its model is promoted.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import test, { after, before } from "node:test";
import { SCREENSHOTS, Workplace, hasSent, isReady, submit } from "./annotate_page.mjs";
import { BIN, eventually } from "./deployment.mjs";

const LABELLED = 24;
const UNLABELLED = 16;
// What isn't worth clicking: a network that is quick to train. The number of iterations is typed.
const QUICK = new URLSearchParams({
  "detector.preset": "small",
  "detector.min_size": "64",
  "detector.max_size": "64",
  "training.batch_size": "2",
  "gate.min_images": "1",
});

const place = new Workplace({ worker: true });
const { deployment } = place;
const folders = {};
let classes;

before(async () => {
  for (const [name, images, seed] of [
    ["labelled", LABELLED, 5],
    ["unlabelled", UNLABELLED, 6],
  ]) {
    folders[name] = path.join(deployment.folder, name);
    const words = ["sample", "--out", folders[name], "--images", images, "--seed", seed];
    execFileSync(path.join(BIN, "loupe-worker"), words);
  }
  const truth = JSON.parse(fs.readFileSync(path.join(folders.labelled, "annotations.json")));
  classes = truth.categories.map((each) => each.name);
  fs.rmSync(path.join(folders.unlabelled, "annotations.json"));
  await place.open();
});
after(() => place.close());

const button = (page, name) => page.getByRole("button", { name, exact: true });
const isOn = (page, name) => page.getByRole("heading", { name, exact: true }).waitFor();
const enter = (page, name) =>
  page.getByRole("navigation").getByRole("link", { name, exact: true }).first().click();

async function trainARound(page, number) {
  await page.goto(`${deployment.url}/#/p/castings/rounds/new?${QUICK}`);
  await page.getByLabel("iterations").first().fill("16");
  await button(page, "Start the round").click();
  await page.waitForURL(new RegExp(`rounds/${number}$`));
  const done = page.getByText("done", { exact: true }).first();
  await eventually(`round ${number} is done`, () => done.isVisible(), 120);
}

test("from nothing to a promoted model", async (t) => {
  const admin = await place.newPage(t);
  await place.logIn(admin, "admin");
  await admin.getByRole("link", { name: "New project" }).click();
  await admin.getByLabel("Name", { exact: false }).first().fill("castings");
  for (const [i, name] of classes.entries()) {
    if (i > 0) await button(admin, "Another class").click();
    await admin.getByLabel(`Name of class ${i + 1}`).fill(name);
  }
  await admin.getByLabel("Share of the images").fill("30");
  await button(admin, "Make the project").click();
  for (const [folder, images] of [
    ["labelled", LABELLED],
    ["unlabelled", UNLABELLED],
  ]) {
    await isOn(admin, "Import pictures");
    await admin.locator("input[webkitdirectory]").setInputFiles(folders[folder]);
    await admin.getByText(`${images} pictures`).first().waitFor();
    if (folder === "labelled") {
      await admin.getByLabel("show nothing").check();
      await admin.getByLabel("The labels were drawn blind").check();
    }
    await admin.getByRole("button", { name: /^Import/ }).click();
    await admin.getByText(`${images} images added`).first().waitFor();
    if (folder === "labelled") await button(admin, "Import more").click();
  }

  await trainARound(admin, 1);

  await admin.goto(`${deployment.url}/#/people`);
  await admin.getByLabel("Name", { exact: true }).fill("bob");
  await button(admin, "Invite").click();
  await isOn(admin, "For bob: shown only now");
  const link = await admin.getByLabel("login link", { exact: true }).inputValue();
  const bob = await place.newPage(t);
  await bob.goto(link);
  await bob.getByRole("link", { name: "Label castings", exact: true }).click();
  await isReady(bob);
  await bob.locator(".stage").focus();
  for (let i = 0; i < 2; ++i) await submit(bob);
  await hasSent(bob);

  await trainARound(admin, 2);
  await admin.goto(`${deployment.url}/#/p/castings`);
  await enter(admin, "Models");
  await admin.getByRole("rowheader", { name: "2", exact: true }).getByRole("link").click();
  const serving = admin.getByRole("region", { name: "Serving", exact: true });
  const serves = serving.getByText("It serves: it ranks the queue");
  const promote = button(serving, "Promote model 2");
  await serves.or(promote).waitFor();
  // The gate decided that it serves: a person may decide otherwise, and again.
  if (await serves.isVisible()) await button(serving, "Roll back to model 1").click();
  await promote.click();
  await serves.waitFor();
  assert.equal(deployment.json("model", "show", "--project", "castings").number, 2);

  await admin.goto(`${deployment.url}/#/p/castings/images?by=bob`);
  await admin.getByText("2 images").first().waitFor();
  await admin.screenshot({ path: path.join(SCREENSHOTS, "story-images.png") });
  assert.deepEqual([...admin.problems, ...bob.problems], []);
});
