// A project from nothing in a browser: made, filled, explained, and handed to a person who labels in it.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import test, { after, before } from "node:test";
import { BIN, eventually, png, writePictures } from "./deployment.mjs";
import {
  SCREENSHOTS,
  Workplace,
  hasSent,
  isNext,
  isReady,
  loseAnswer,
  press,
  submit,
  violationsOn,
} from "./annotate_page.mjs";

const PICTURES = 12; // with labels
const SMALL = 24; // of the upload that breaks off; beside them there is a large one of several parts
const PART = 1 << 20; // bytes


const place = new Workplace();
const { deployment } = place;
let truth; // of the labelled pictures, as COCO has it
let classes;
let admin; // the page of an admin, who does it all

before(async () => {
  const folder = path.join(deployment.folder, "labelled");
  execFileSync(path.join(BIN, "loupe-worker"), [
    "sample",
    "--out",
    folder,
    "--images",
    PICTURES,
    "--seed",
    5,
  ]);
  const file = path.join(folder, "annotations.json");
  truth = JSON.parse(fs.readFileSync(file));
  classes = truth.categories.map(({ name }) => name);
  truth.images.push({ id: 9999, file_name: "bad.png" });
  fs.writeFileSync(file, JSON.stringify(truth));
  fs.writeFileSync(path.join(folder, "images", "bad.png"), "no picture");
  fs.writeFileSync(path.join(folder, "images", "notes.txt"), "not for import");
  fs.writeFileSync(path.join(folder, "images", "spare.png"), png(16, 16, 3));
  const more = path.join(deployment.folder, "more");
  writePictures(more, "more", SMALL, 128);
  fs.writeFileSync(path.join(more, "large.png"), png(1400, 1200, 7));
  await place.open();
  admin = await place.newPage({ after: () => undefined }); // until the browser ends
});
after(() => place.close());

const goTo = (page, address) => page.goto(`${deployment.url}/#${address}`);
const isOn = (page, heading) => page.getByRole("heading", { name: heading, exact: true }).waitFor();
const shows = (page, text) => page.getByText(text).first().waitFor();
const button = (page, name) => page.getByRole("button", { name, exact: true });
const chooseFolder = (page, folder) => page.locator("input[webkitdirectory]").setInputFiles(folder);
const project = () => deployment.json("project", "show", "--project", "castings");

test("a project is made, its classes with colours and keys", async () => {
  await place.logIn(admin, "admin");
  await admin.getByRole("link", { name: "New project" }).click();
  await isOn(admin, "New project");
  await admin.getByLabel("Name", { exact: false }).first().fill("castings");
  for (const [i, name] of classes.entries()) {
    if (i > 0) await button(admin, "Another class").click();
    await admin.getByLabel(`Name of class ${i + 1}`).fill(name);
  }
  await admin.getByLabel("Colour of class 1").fill("#d2692d");
  await admin.getByLabel("Colour of class 2").fill("#87961e");
  await shows(
    admin,
    `${classes[0]} and ${classes[1]}: their colours look alike to people who can't tell red`,
  );
  await admin.getByLabel("Colour of class 2").fill("#3355ff");
  await admin.getByLabel("Key of class 2").selectOption("Q");
  const sameKey = admin.locator("[aria-label='Key of class 1'] option", { hasText: /^Q$/ });
  assert.ok(await sameKey.isDisabled());
  await admin.getByLabel("Share of the images").fill("25");
  await button(admin, "Make the project").click();
  await isOn(admin, "Import pictures");
  const made = project();
  assert.equal(made.holdout_fraction, 0.25);
  assert.deepEqual(
    made.classes.slice(0, 3).map(({ name, color, key }) => [name, color, key]),
    [
      [classes[0], "#d2692d", undefined],
      [classes[1], "#3355ff", "Q"],
      [classes[2], undefined, undefined],
    ],
  );
});

test("a folder with a COCO file is imported; what is wrong is listed first", async () => {
  await chooseFolder(admin, path.join(deployment.folder, "labelled"));
  await shows(admin, `${PICTURES + 2} pictures`);
  await admin.getByLabel("COCO file").waitFor();
  assert.ok(
    await admin.getByRole("button", { name: /^Import/ }).isDisabled(),
    "images without boxes: it isn't said",
  );
  await admin.getByLabel("show nothing").check();
  await admin.getByLabel("The labels were drawn blind").check();
  await admin.getByRole("button", { name: /^Import/ }).click();
  const alert = admin.getByRole("alert").filter({ hasText: "nothing was imported" });
  await alert.getByText("bad.png: ").waitFor();
  assert.equal(deployment.json("status", "--project", "castings").images, 0);
  await admin.getByLabel("Leave out what is bad").check();
  await button(admin, "Try again").click();
  await isOn(admin, "Imported");
  await shows(admin, `${PICTURES} images added`);
  await shows(admin, "Left out: 1 picture");
  await shows(admin, "The COCO file doesn't name 1 picture");
  const status = deployment.json("status", "--project", "castings");
  assert.equal(status.images, PICTURES);
  assert.equal(status.labelled, PICTURES);
  const boxes = status.classes.reduce((sum, each) => sum + each.boxes, 0);
  await shows(admin, `Labels of ${PICTURES} images taken, with ${truth.annotations.length} boxes`);
  assert.ok(boxes > 0 && boxes <= truth.annotations.length);
});

test("a COCO file that doesn't fit is refused before a picture is sent", async () => {
  let parts = 0;
  const count = (request) => (parts += request.url().endsWith("/UploadPart") ? 1 : 0);
  admin.on("request", count);
  const hole = { ...truth, images: [...truth.images.slice(0, 2), { id: 77, file_name: "gone.png" }] };
  hole.categories = [...truth.categories.slice(1), { ...truth.categories[0], name: "hole" }];
  hole.annotations = truth.annotations.filter(({ image_id: id }) =>
    hole.images.some((image) => image.id === id),
  );
  hole.annotations.push({
    ...truth.annotations[0],
    id: 99999,
    image_id: hole.images[0].id,
    category_id: truth.categories[0].id,
  });
  fs.writeFileSync(path.join(deployment.folder, "labelled", "annotations.json"), JSON.stringify(hole));
  await goTo(admin, "/p/castings/setup?part=import");
  await button(admin, "Import more").click();
  await chooseFolder(admin, path.join(deployment.folder, "labelled"));
  await admin.getByLabel("were never looked at").check();
  await admin.getByRole("button", { name: /^Import/ }).click();
  await shows(admin, 'image 77: no picture "gone.png" was chosen');
  await shows(admin, 'category "hole"');
  await admin.getByRole("link", { name: "Add the classes that are missing" }).waitFor();
  assert.equal(parts, 1, "only the COCO file was sent");
  admin.off("request", count);
});

test("an upload that breaks off is taken up again, also after a reload", async () => {
  const more = path.join(deployment.folder, "more");
  const large = fs.statSync(path.join(more, "large.png")).size;
  assert.ok(large > PART);
  const parts = SMALL + Math.ceil(large / PART);
  let taken = 0; // parts that came
  let isBroken = false;
  await admin.route("**/UploadPart", async (route) => {
    if (isBroken) return route.abort();
    taken += 1;
    if (taken === 10) isBroken = true;
    return route.continue();
  });
  await goTo(admin, "/p/castings/setup?part=import");
  await admin.reload();
  await chooseFolder(admin, more);
  await button(admin, `Import ${SMALL + 1} pictures`).click();
  await shows(admin, "It goes on by itself.");
  admin.once("dialog", (dialog) => dialog.accept());
  await admin.reload();
  isBroken = false;
  taken = 10 + 1000; // isn't broken a second time
  await chooseFolder(admin, more);
  await button(admin, `Import ${SMALL + 1} pictures`).click();
  await isOn(admin, "Imported");
  await shows(admin, `${SMALL + 1} images added`);
  assert.equal(10 + taken - 1010, parts, "every part was sent once");
  await admin.unroute("**/UploadPart");
  assert.equal(deployment.json("status", "--project", "castings").images, PICTURES + SMALL + 1);
  assert.equal(deployment.json("storage").uploads.blobs, 1, "only the COCO file that was refused waits");

  await button(admin, "Import more").click();
  await chooseFolder(admin, more);
  let again = 0;
  admin.on("request", (request) => (again += request.url().endsWith("/UploadPart") ? 1 : 0));
  await button(admin, `Import ${SMALL + 1} pictures`).click();
  await shows(admin, `Known already, byte for byte, and kept once: ${SMALL + 1} pictures.`);
  assert.equal(again, 0);
});

test("a picture that is too large is named, and left out where what is bad is", async () => {
  const folder = path.join(deployment.folder, "large");
  writePictures(folder, "ok", 1, 32);
  fs.writeFileSync(path.join(folder, "huge.png"), "");
  fs.truncateSync(path.join(folder, "huge.png"), 2 ** 28 + 1);
  await goTo(admin, "/p/castings/setup?part=import");
  await button(admin, "Import more").click();
  await chooseFolder(admin, folder);
  await shows(admin, "Too large: 1 picture");
  await admin.getByLabel("Leave out what is bad").uncheck();
  await button(admin, "Import 2 pictures").click();
  const alert = admin.getByRole("alert").filter({ hasText: "Nothing was imported" });
  await alert.getByText("huge.png: it is larger than 256 MiB").waitFor();
  await admin.getByLabel("Leave out what is bad").check();
  await button(admin, "Try again").click();
  await isOn(admin, "Imported");
  await shows(admin, "1 image added");
  await shows(admin, "Left out: 1 picture");
});

test("guidelines are written as Markdown, do no harm, and nobody's are lost", async () => {
  await goTo(admin, "/p/castings/setup?part=guidelines");
  await shows(admin, "No guidelines yet");
  await button(admin, "Write guidelines").click();
  const hostile = `# What counts\n\n- *faint* ones\n\n<img src=x onerror="window.harm = 1"><script>window.harm = 2</script>
[link](javascript:window.harm=3)`;
  await admin.getByLabel("Markdown").fill(hostile);
  const preview = admin.getByRole("group", { name: "Preview" });
  await preview.getByRole("heading", { name: "What counts" }).waitFor();
  await button(admin, "Save").click();
  await shows(admin, "Version 1 of 1, by admin");
  await admin.getByRole("heading", { name: "What counts" }).waitFor();
  await admin.getByText("<script>window.harm = 2</script>").waitFor();
  assert.equal(await admin.locator(".markdown :is(script, img, [onerror], [href^=javascript])").count(), 0);

  await button(admin, "Edit").click();
  await admin.getByLabel("Markdown").fill("# Mine");
  const theirs = path.join(deployment.folder, "theirs.md");
  fs.writeFileSync(theirs, "# Theirs\n");
  deployment.loupe("project", "guidelines", "--set", theirs, "--project", "castings");
  await button(admin, "Save").click();
  await shows(admin, "admin wrote version 2");
  await admin.getByRole("heading", { name: "Theirs" }).waitFor();
  assert.equal(await admin.getByLabel("Markdown").inputValue(), "# Mine", "nothing is lost");
  await button(admin, "Save over it").click();
  await shows(admin, "Version 3 of 3");
  await button(admin, "Older").click();
  await shows(admin, "Version 2 of 3");
  await admin.getByRole("heading", { name: "Theirs" }).waitFor();
  assert.match(admin.url(), /version=2/);
  await goTo(admin, "/p/castings/setup?part=guidelines&version=9");
  await shows(admin, "There is no version 9");
  assert.equal(await admin.evaluate(() => window.harm), undefined);
});

test("classes are added, renamed, coloured and retired; the coordinator's refusal is shown", async () => {
  await goTo(admin, "/p/castings/setup");
  await admin.getByLabel("Another class").fill(classes[0]);
  await button(admin, "Add").click();
  await shows(admin, `class 1 is named ${classes[0]} already`);
  await admin.getByLabel("Another class").fill("=burr <b>");
  await button(admin, "Add").click();
  await button(admin, "Rename =burr <b>").click();
  await admin.getByLabel("New name of =burr <b>").fill("burr");
  await button(admin, "Save").click();
  await shows(admin, "is called burr now");
  await admin.getByLabel("Key of burr").selectOption("W");
  await shows(admin, "burr has another key");
  await admin.getByLabel("Colour of burr").fill("#00ff88");
  await shows(admin, "burr has another colour");
  assert.deepEqual(project().classes.at(-1), {
    label: classes.length + 1,
    name: "burr",
    retired: false,
    color: "#00ff88",
    key: "W",
  });
  const shown = deployment.json("class", "display", "burr", "--key", "default", "--project", "castings");
  assert.equal(shown.classes.at(-1).key, undefined);
  assert.equal(shown.classes.at(-1).color, "#00ff88");
  await button(admin, "Retire burr").click();
  await button(admin, "Retire burr for good").click();
  await shows(admin, "burr is retired");
  assert.ok(project().classes.at(-1).retired);
});

test("a person who is invited logs in by the link and labels with the keys", async (t) => {
  await goTo(admin, "/people");
  await admin.getByLabel("Name", { exact: true }).fill("mara");
  await admin.getByLabel("Access ends").selectOption("in 30 days");
  await button(admin, "Invite").click();
  await isOn(admin, "For mara: shown only now");
  const link = await admin.getByLabel("login link", { exact: true }).inputValue();
  assert.match(await admin.getByLabel("token", { exact: true }).inputValue(), /^loupe_/);
  await button(admin, "Done").click();
  assert.ok(!(await admin.content()).includes(link));

  const page = await place.newPage(t);
  await page.goto(link);
  await page.getByRole("link", { name: "Label castings", exact: true }).click();
  await isReady(page);
  await page.getByText("Guidelines", { exact: true }).click();
  await page.getByRole("heading", { name: "Mine" }).waitFor();
  const row = page.locator(".classes .row").nth(1);
  assert.equal(await row.locator("kbd").textContent(), "Q");
  assert.equal(
    await row.locator(".swatch").evaluate((swatch) => getComputedStyle(swatch).color),
    "rgb(51, 85, 255)",
  );
  await page.locator(".stage").focus();
  await press(page, "n", "n", "q");
  const first = await submit(page);
  await press(page, "n", "n", "1");
  const second = await page.locator(".file").textContent();
  await press(page, "Enter");
  await isNext(page, second);
  await hasSent(page);
  assert.equal(place.boxesOf(first, "castings")[0][4], 2);
  assert.equal(place.boxesOf(second, "castings")[0][4], 1);

  const mara = admin.getByRole("row", { name: /^mara/ });
  await mara.getByRole("button", { name: "Revoke mara" }).click();
  await mara.getByRole("button", { name: "Revoke the access of mara for good" }).click();
  await mara.getByText("revoked").waitFor();
  // The coordinator remembers a token for a second.
  await eventually("mara is out", async () => {
    await page.reload();
    await page.locator("main").waitFor();
    return page.getByLabel("Token").isVisible();
  });
  assert.deepEqual(page.problems, []);
});

test("who asks again after a lost answer gets the first one", async () => {
  const twice = async (method, name) => {
    await loseAnswer(admin, method);
    await button(admin, name).click();
    await admin.getByRole("alert").filter({ hasText: "The coordinator can't be reached" }).waitFor();
    await button(admin, name).click();
  };
  await goTo(admin, "/new");
  await admin.getByLabel("Name", { exact: false }).first().fill("lost");
  await admin.getByLabel("Name of class 1").fill("scratch");
  await twice("CreateProject", "Make the project");
  await isOn(admin, "Import pictures");
  await goTo(admin, "/p/lost/setup");
  await admin.getByLabel("Another class").fill("dent");
  await twice("AddClass", "Add");
  await shows(admin, "dent was added");
  await button(admin, "Rename dent").waitFor();
  await goTo(admin, "/p/lost/setup?part=guidelines");
  await button(admin, "Write guidelines").click();
  await admin.getByLabel("Markdown").fill("# Once");
  await twice("SetGuidelines", "Save");
  await shows(admin, "Version 1 of 1");
  await goTo(admin, "/p/lost/setup?part=settings");
  await admin.getByRole("textbox", { name: "Name", exact: true }).fill("found");
  await twice("RenameProject", "Rename");
  await admin.waitForURL(/#\/p\/found\/setup/);
  await admin.getByLabel("Type found to confirm").fill("found");
  await twice("DeleteProject", "Delete found for good");
  await isOn(admin, "Projects");

  await goTo(admin, "/people");
  await admin.getByLabel("Name", { exact: true }).fill("bob");
  await admin.getByLabel("Access ends").selectOption("in a week");
  await twice("CreateToken", "Invite");
  await shows(admin, "nobody can see the token again");
  assert.match(await admin.getByLabel("login link", { exact: true }).inputValue(), /^http/);
  await button(admin, "Revoke bob").waitFor();
});

test("what is typed and not sent outlives the page and the session", async () => {
  await goTo(admin, "/p/castings/setup?part=guidelines");
  await button(admin, "Edit").click();
  await admin.getByLabel("Markdown").fill("# Half a text");
  await admin.getByRole("link", { name: "Classes", exact: true }).click();
  await isOn(admin, "Classes");
  await admin.getByRole("link", { name: "Guidelines", exact: true }).click();
  await shows(admin, "Your draft of");
  await button(admin, "Go on with it").click();
  assert.equal(await admin.getByLabel("Markdown").inputValue(), "# Half a text");
  await admin.context().clearCookies();
  await button(admin, "Save").click();
  await shows(admin, "Your session has ended");
  await place.logIn(admin, "admin");
  await goTo(admin, "/p/castings/setup?part=guidelines");
  await button(admin, "Go on with it").click();
  assert.equal(await admin.getByLabel("Markdown").inputValue(), "# Half a text");
  await button(admin, "Throw away").click();
  await button(admin, "Edit").waitFor();

  await goTo(admin, "/new");
  await admin.getByLabel("Name of class 1").fill("burr");
  await button(admin, "Another class").click();
  await goTo(admin, "/people");
  await isOn(admin, "People");
  await goTo(admin, "/new");
  await shows(admin, "Your draft of");
  assert.equal(await admin.getByLabel("Name of class 1").inputValue(), "burr");
  await button(admin, "Discard it").click();
  assert.equal(await admin.getByLabel("Name of class 1").inputValue(), "");
  assert.equal(await admin.getByLabel("Name of class 2").count(), 0);
});

test("who may not change it sees it, and no actions", async (t) => {
  deployment.token("viewer", "vera");
  const page = await place.newPage(t);
  await place.logIn(page, "vera");
  await goTo(page, "/p/castings/setup");
  await page.getByText(classes[0]).first().waitFor();
  for (const name of ["Add", "Import", "Settings"]) assert.equal(await button(page, name).count(), 0);
  await goTo(page, "/p/castings/setup?part=import");
  await shows(page, "Only engineers and admins import pictures and change settings.");
  await goTo(page, "/p/castings/setup?part=guidelines");
  await page.getByRole("heading", { name: "Mine" }).waitFor();
  assert.equal(await button(page, "Edit").count(), 0);
  for (const [address, text] of [
    ["/people", "Only admins"],
    ["/new", "Only engineers and admins"],
  ]) {
    await goTo(page, address);
    await shows(page, text);
    assert.equal(await page.locator("main form").count(), 0);
  }
  assert.deepEqual(page.problems, []);
});

test("the pages look right, and axe finds nothing serious", async () => {
  const pages = [
    ["classes", "/p/castings/setup", "Classes"],
    ["guidelines", "/p/castings/setup?part=guidelines", "Mine"],
    ["import", "/p/castings/setup?part=import", "Import pictures"],
    ["settings", "/p/castings/setup?part=settings", "Delete the project"],
    ["new", "/new", "New project"],
    ["people", "/people", "Who has access"],
  ];
  for (const colorScheme of ["light", "dark"]) {
    await admin.emulateMedia({ colorScheme });
    for (const [name, address, heading] of pages) {
      await goTo(admin, address);
      await isOn(admin, heading);
      assert.deepEqual(await violationsOn(admin), [], `${name}, ${colorScheme}`);
      await admin.screenshot({
        path: path.join(SCREENSHOTS, `setup-${name}-${colorScheme}.png`),
        fullPage: true,
      });
    }
  }
  await admin.setViewportSize({ width: 390, height: 800 });
  for (const [name, address, heading] of pages) {
    await goTo(admin, address);
    await isOn(admin, heading);
    assert.ok((await admin.evaluate(() => document.documentElement.scrollWidth)) <= 390, name);
  }
  await admin.setViewportSize({ width: 1280, height: 800 });
});

test("a project is renamed, and deleted once its name is typed", async () => {
  await goTo(admin, "/p/castings/setup?part=settings");
  await admin.getByRole("textbox", { name: "Name", exact: true }).fill("line-2");
  await button(admin, "Rename").click();
  await shows(admin, "Type line-2 to confirm");
  assert.ok(await button(admin, "Delete line-2 for good").isDisabled());
  await admin.getByLabel("Type line-2 to confirm").fill("line-2");
  await button(admin, "Delete line-2 for good").click();
  await isOn(admin, "Projects");
  assert.deepEqual(deployment.json("project", "list").projects ?? [], []);
  assert.deepEqual(admin.problems, []);
});
