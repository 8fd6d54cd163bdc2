// Every state of the annotation page, in pictures to look at (they lie beside the tests), and what axe-core
// says of the page for people who don't see it, or not well.

import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import test, { after, before } from "node:test";
import {
  SCREENSHOTS,
  Workplace,
  drag,
  guessesOf,
  hasSent,
  isAtEnd,
  isBlind,
  isReady,
  openProject,
  press,
  selectedOn,
  submit,
  submitOrEnd,
  violationsOn,
} from "./annotate_page.mjs";
import { eventually, writePictures } from "./deployment.mjs";

const SIZES = [
  { width: 1280, height: 800 },
  { width: 1920, height: 1080 },
];
const SCHEMES = ["light", "dark"];
const RUNS = SCHEMES.flatMap((colorScheme) => SIZES.map((viewport) => ({ colorScheme, viewport })));

const place = new Workplace();
const { deployment } = place;

before(async () => {
  await place.open();
  const { truth } = place.createParts("parts", { images: 60 });
  const classes = truth.categories.map((each) => each.name);
  place.predict("parts", guessesOf(truth), { blindEvery: 5 });
  place.createProject("empty", classes);
  const guidelines = path.join(deployment.folder, "guidelines.md");
  fs.writeFileSync(guidelines, "Draw tight boxes.\n\nNo shadows.\n");
  deployment.loupe("project", "guidelines", "--set", guidelines, "--project", "parts");
  const scene = [
    [60, 90, 180, 120, "#303030"],
    [360, 120, 90, 270, "#e8e8e8"],
    [180, 420, 330, 90, "#505050"],
  ];
  for (const i of RUNS.keys()) {
    const twins = path.join(deployment.folder, `twins-${i}`);
    const pictures = [1, 2].map((seed) => ({
      file: `t${seed}.jpg`,
      width: 800,
      height: 600,
      shapes: scene,
      seed,
    }));
    await place.paint(twins, pictures);
    place.createProject(`twins-${i}`, classes, twins);
    place.setBlind(`twins-${i}`, 0);
    const one = path.join(deployment.folder, `one-${i}`);
    writePictures(one, "one", 1, 64);
    place.createProject(`one-${i}`, classes, one);
  }
});
after(() => place.close());

const SUBMIT = "**/loupe.v1.LabelingService/Submit";
const NEXT = "**/loupe.v1.LabelingService/NextTasks";

for (const [i, { colorScheme, viewport }] of RUNS.entries()) {
  test(`every state is painted: ${colorScheme}, ${viewport.width} pixels wide`, async (t) => {
    const name = `looks-${i}`;
    deployment.token("annotator", name);
    const page = await place.newPage(t, { colorScheme, viewport });
    const shoot = async (state) => {
      const file = `annotate-${state}-${colorScheme}-${viewport.width}.png`;
      await page.screenshot({ path: path.join(SCREENSHOTS, file) });
      const widest = await page.evaluate(() => document.documentElement.scrollWidth);
      assert.ok(widest <= viewport.width, `${state} is ${widest} pixels wide`);
    };
    await place.logIn(page, name);

    let letGo;
    const isHeld = new Promise((resolve) => (letGo = resolve));
    await page.route(NEXT, (route) => isHeld.then(() => route.continue()));
    await place.goTo(page, "parts");
    await page.getByText("Loading…").waitFor();
    await shoot("opening");
    letGo();
    await isReady(page);
    await page.unroute(NEXT);
    while (await isBlind(page)) await submit(page);
    await page.mouse.move(400, 300);
    await press(page, "Tab");
    await shoot("task");
    await press(page, "Control+A");
    await eventually("many are selected", async () => (await selectedOn(page)) > 1);
    await shoot("many");
    await press(page, "Escape");
    await page.getByRole("button", { name: "Local contrast" }).click();
    await page.locator("[data-picture=enhanced]").waitFor();
    await shoot("local-contrast");
    await page.getByRole("button", { name: "Local contrast" }).click();
    await page.locator("[data-picture=original]").waitFor();

    const stage = await page.locator(".stage").boundingBox();
    const at = (x, y) => [stage.x + stage.width * x, stage.y + stage.height * y];
    await press(page, "n");
    await page.mouse.move(...at(0.3, 0.2));
    await page.mouse.down();
    await page.mouse.move(...at(0.6, 0.7), { steps: 5 });
    await shoot("drawing");
    await page.mouse.up();
    await shoot("drawn");
    await press(page, "Escape", "b");
    await page.mouse.move(...at(0.25, 0.1));
    await page.mouse.down();
    await page.mouse.move(...at(0.7, 0.8), { steps: 5 });
    await shoot("band");
    await page.mouse.up();

    await press(page, "/");
    await page.locator(".search:focus").waitFor();
    await page.keyboard.type("a");
    await shoot("search");
    await press(page, "Escape", "m");
    await page.locator(".note:focus").waitFor();
    await page.keyboard.type("The rim is blurred; the scratch may go on beneath it.");
    for (const flag of ["unclear", "rim"]) {
      await page.getByLabel("Add a flag").fill(flag);
      await press(page, "Enter");
    }
    await page.getByText("Guidelines", { exact: true }).click();
    await page.getByText("Draw tight boxes.").waitFor();
    await shoot("note");
    await press(page, "Escape", "?");
    await page.getByRole("dialog").waitFor();
    await shoot("keys");
    await page.getByRole("button", { name: "Change D", exact: true }).click();
    await shoot("keys-changing");
    await press(page, "k");
    await page.getByText("K is taken").waitFor();
    await shoot("keys-conflict");
    await press(page, "Escape", "Escape");
    await page.getByRole("dialog").waitFor({ state: "detached" });

    await page.route(SUBMIT, (route) =>
      route.fulfill({
        status: 400,
        contentType: "application/json",
        body: JSON.stringify({ code: "failed_precondition", message: "box 0: its class is retired" }),
      }),
    );
    await submit(page);
    await page.getByText("Not taken").waitFor();
    await shoot("refused");
    await page.unroute(SUBMIT);
    await page.getByRole("button", { name: "Discard" }).click();
    while (!(await isBlind(page))) await submit(page);
    await shoot("blind");

    await page.route(NEXT, (route) => route.abort());
    await page.route(SUBMIT, (route) => route.abort());
    while (!(await isAtEnd(page))) await submitOrEnd(page);
    await page.getByText("What you have done is kept in this browser.").waitFor();
    await shoot("stuck");
    await page.unroute(NEXT);
    await page.unroute(SUBMIT);
    await page.getByRole("button", { name: "Try again" }).click();
    await isReady(page);
    await hasSent(page);

    await page.route("**/images/**", (route) => route.fulfill({ status: 200, body: "no picture" }));
    await place.goTo(page, `twins-${i}`);
    await page.getByText("can't be shown").waitFor();
    await shoot("broken");
    await page.unroute("**/images/**");
    await page.getByRole("button", { name: "Try again" }).click();
    await isReady(page);
    await drag(page, [60, 90], [240, 210]);
    await press(page, "Escape", "n");
    await drag(page, [360, 120], [450, 390]);
    await press(page, "2");
    await submit(page);
    await page.getByRole("button", { name: "copy 2 of the last image" }).waitFor();
    await shoot("copy-offered");
    await press(page, "k");
    await shoot("copied");

    await place.goTo(page, `one-${i}`);
    await isReady(page);
    await press(page, "n", "n", "s");
    await page.getByText("Only images that you have skipped are left: 1.").waitFor();
    await shoot("skipped-left");
    await page.getByRole("button", { name: "Take them up again" }).click();
    await isReady(page);
    await press(page, "Enter");
    await page.getByText(/^Nothing is left to label/).waitFor();
    await hasSent(page);
    await shoot("done");
    await place.goTo(page, "empty");
    await page.getByText("has no pictures yet").waitFor();
    await shoot("empty");
    assert.deepEqual(page.problems, []);
  });
}

for (const colorScheme of SCHEMES) {
  test(`axe finds nothing serious: ${colorScheme}`, async (t) => {
    const page = await place.newPage(t, { colorScheme });
    await place.logIn(page, "admin");
    await page.getByText("parts").first().waitFor();
    const found = { projects: await violationsOn(page) };
    await openProject(page, "parts");
    while (await isBlind(page)) await submit(page);
    await press(page, "Tab");
    found.task = await violationsOn(page);
    await press(page, "Escape", "Control+A", "m");
    await page.locator(".note:focus").waitFor();
    await page.getByLabel("Add a flag").fill("unclear");
    await press(page, "Enter", "Escape");
    found.many = await violationsOn(page);
    await press(page, "?");
    await page.getByRole("dialog").waitFor();
    found.help = await violationsOn(page);
    await press(page, "Escape");
    await place.goTo(page, "empty");
    await page.getByText("has no pictures yet").waitFor();
    found.empty = await violationsOn(page);
    assert.deepEqual(found, { projects: [], task: [], many: [], help: [], empty: [] });
  });
}
