// The network goes away while a person labels: work goes on as far as tasks were fetched ahead, what waits is
// shown, and all of it arrives once.

import assert from "node:assert/strict";
import test, { after, before } from "node:test";
import {
  Workplace,
  fileOn,
  hasSent,
  isReady,
  keptOn,
  picturesOn,
  press,
  refusedOn,
  rowsOn,
  submit,
} from "./annotate_page.mjs";
import { eventually } from "./deployment.mjs";

const CUT = 60_000; // milliseconds

const place = new Workplace();
const { deployment } = place;

before(async () => {
  place.createParts("cut", { images: 12 });
  place.createParts("lost", { images: 20, seed: 8 }); // Tabs that are closed may hold three each.
  await place.open();
});
after(() => place.close());

const authorsOf = (files, project) =>
  files.map((file) => place.answersTo(file, project).map(({ author }) => author));

test("a network that is cut for a minute loses nothing and doubles nothing", async (t) => {
  const page = await place.annotate(t, "anna", "cut");
  await eventually("two pictures are fetched ahead", async () => (await picturesOn(page)) >= 3);
  await press(page, "n", "n");
  const end = Date.now() + CUT;
  await page.context().setOffline(true);
  const files = [await submit(page)];
  await press(page, "n", "n");
  files.push(await submit(page));
  await press(page, "n", "n", "ArrowRight");
  files.push(await fileOn(page));
  await page.getByText(/^2 waiting to send · saved/).waitFor();
  await press(page, "Enter");
  await page.getByText("What you have done is kept in this browser.").waitFor();
  const waits = page.getByText(/^3 waiting to send · saved · The coordinator can't be reached/);
  await waits.waitFor();
  // This wait is what is tested: tries follow each other in growing distances meanwhile.
  while (Date.now() < end) {
    await new Promise((resolve) => setTimeout(resolve, 2000));
    assert.ok(await waits.isVisible());
  }
  assert.equal(place.answers("cut"), 0);
  await page.context().setOffline(false);
  await hasSent(page);
  await isReady(page); // The page goes on by itself.
  await press(page, "n", "n");
  files.push(await submit(page));
  await hasSent(page);
  assert.equal(new Set(files).size, 4);
  assert.deepEqual(authorsOf(files, "cut"), [["anna"], ["anna"], ["anna"], ["anna"]]);
  assert.equal(place.answers("cut"), 4);
  assert.equal(await refusedOn(page), 0);
  assert.deepEqual(page.problems, []);
});

test("answers whose acknowledgement is lost are stored once", async (t) => {
  const page = await place.annotate(t, "bert", "lost");
  let lost = 0;
  await page.route("**/loupe.v1.LabelingService/Submit", async (route) => {
    if (lost === 3) return route.continue();
    await route.fetch(); // The coordinator has taken it.
    lost += 1;
    return route.abort("connectionreset");
  });
  const files = [];
  for (let i = 0; i < 4; ++i) {
    await press(page, "n", "n");
    files.push(await submit(page));
  }
  await hasSent(page);
  assert.equal(lost, 3);
  assert.equal(await refusedOn(page), 0); // The second request is the first one once more.
  assert.deepEqual(authorsOf(files, "lost"), [["bert"], ["bert"], ["bert"], ["bert"]]);
  assert.equal(place.answers("lost"), 4);
});

test("tasks whose delivery is lost are asked for again, and aren't leased twice", async (t) => {
  deployment.token("annotator", "carl");
  const page = await place.newPage(t);
  await place.logIn(page, "carl");
  let lost = 0;
  await page.route("**/loupe.v1.LabelingService/NextTasks", async (route) => {
    if (lost === 2) return route.continue();
    await route.fetch();
    lost += 1;
    return route.abort("connectionreset");
  });
  await place.goTo(page, "lost");
  await isReady(page);
  await eventually("two more are leased ahead", () => place.held("carl") === 3);
  assert.equal(place.count("task JOIN principal ON principal.id = principal_id WHERE name = 'carl'"), 3);
});

test("a browser that is closed while answers wait sends them when it is opened again", async (t) => {
  const page = await place.annotate(t, "dora", "lost");
  await eventually("two pictures are fetched ahead", async () => (await picturesOn(page)) >= 3);
  const context = page.context();
  await context.setOffline(true);
  await press(page, "n", "n");
  const files = [await submit(page)];
  await press(page, "n", "n");
  files.push(await submit(page));
  await press(page, "n", "n");
  const inHand = await fileOn(page);
  await eventually("the work in hand is on the disk", async () => (await keptOn(page, inHand)) === 1);
  await page.getByText(/^2 waiting to send · saved/).waitFor();
  await page.close();
  await context.setOffline(false);
  // On whichever page it is opened.
  const later = await context.newPage();
  await later.goto(deployment.url);
  await eventually("they are stored", () => authorsOf(files, "lost").every((each) => each.length === 1));
  await place.goTo(later, "lost");
  await isReady(later);
  assert.equal(await fileOn(later), inHand);
  assert.equal(await rowsOn(later).count(), 1);
  assert.deepEqual(authorsOf(files, "lost"), [["dora"], ["dora"]]);
});
