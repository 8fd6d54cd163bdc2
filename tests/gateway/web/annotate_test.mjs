// A person labels pictures in a browser, by the keyboard alone, and nothing of it is lost or doubled: not by
// a reload, nor when the tab or the coordinator is killed, nor when the log-in expires.

import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import test, { after, before } from "node:test";
import { eventually, writePictures } from "./deployment.mjs";
import {
  Workplace,
  crash,
  fileOn,
  guessesOf,
  hasSent,
  isBlind,
  isNext,
  isReady,
  keptLabelsOn,
  keptOn,
  openProject,
  picturesOn,
  press,
  refusedOn,
  rowsOn,
  submit,
  watched,
} from "./annotate_page.mjs";

const IMAGES = 90; // enough for all tests: tabs that are closed hold some for ten minutes

const place = new Workplace();
const { deployment } = place;
let classes; // names, in their order

before(async () => {
  const { truth } = place.createParts("parts", { images: IMAGES });
  classes = truth.categories.map((each) => each.name);
  place.createProject("empty", classes);
  const guidelines = path.join(deployment.folder, "guidelines.md");
  fs.writeFileSync(guidelines, "Draw tight boxes.\n\n<b>No</b> shadows.\n");
  deployment.loupe("project", "guidelines", "--set", guidelines, "--project", "parts");
  place.predict("parts", guessesOf(truth), { blindEvery: 5 });
  await place.open();
});
after(() => place.close());

// Ways to answer an image of which the model has found something, by the keyboard alone. Each returns what is
// to be stored then: the boxes' origins, how often each outcome comes, and more.
const drawn = ["n", "n"];
const ways = {
  acceptOneRejectOne: async (page) => {
    // The first press selects the least certain box, which isn't there.
    await press(page, "x", "x", "a");
    return { origins: ["accepted"], outcomes: { rejected: 1, accepted: 1 } };
  },
  draw: async (page) => {
    await press(page, ...drawn, "2", "ArrowRight", "Shift+ArrowDown", "Control+ArrowRight");
    return { origins: ["drawn"], labels: [2] };
  },
  move: async (page) => {
    await press(page, "Tab", "Shift+ArrowRight");
    return { origins: ["adjusted"], outcomes: { adjusted: 1 } };
  },
  relabel: async (page) => {
    const before = await rowsOn(page).first().locator(".name").textContent();
    await press(page, "Tab", before === classes[0] ? "2" : "1");
    return { origins: ["relabelled"], outcomes: { relabelled: 1 } };
  },
  acceptAll: async (page) => {
    await press(page, "Shift+A");
    return { all: "accepted_at_once" };
  },
  nothing: async () => ({ origins: [], all: "dropped" }),
  undo: async (page) => {
    await press(page, "Tab", "Delete", "Control+Z", "Shift+A", "u", "Control+Y");
    return { all: "accepted_at_once" };
  },
  acceptSelected: async (page) => {
    await press(page, "Control+A", "a");
    return { all: "accepted" };
  },
  acceptAllShrinkOne: async (page) => {
    await press(page, "Shift+A", "Tab", "Control+ArrowLeft");
    return { outcomes: { adjusted: 1 }, rest: "accepted_at_once" };
  },
  acceptAllDeleteOne: async (page) => {
    await press(page, "Shift+A", "Tab", "Delete");
    return { outcomes: { rejected: 1 }, rest: "accepted_at_once" };
  },
  duplicate: async (page) => {
    await press(page, ...drawn, "d");
    return { origins: ["drawn", "drawn"] };
  },
  grab: async (page) => {
    await press(page, "Tab", "g", "ArrowRight", "Shift+ArrowDown", "Enter");
    return { origins: ["adjusted"] };
  },
  search: async (page) => {
    await press(page, ...drawn, "/");
    await page.locator(".search:focus").waitFor();
    await page.keyboard.type(classes[2].slice(0, 4).toUpperCase());
    await press(page, "Enter");
    return { origins: ["drawn"], labels: [3] };
  },
  note: async (page) => {
    await press(page, "m");
    await page.locator(".note:focus").waitFor();
    await page.keyboard.type("an edge\nin shadow");
    await press(page, "Tab");
    await page.keyboard.type("unclear");
    await press(page, "Enter", "Escape", ...drawn);
    return { origins: ["drawn"], note: "an edge\nin shadow", flags: ["unclear"] };
  },
};

function checkAnswer(file, { origins, labels, outcomes = {}, all, rest, note = "", flags = [] }) {
  const revisions = place.answersTo(file, "parts");
  assert.equal(revisions.length, 1, file);
  const [{ boxes, shown_boxes: shown, author, client, spent_ms: spent, ...revision }] = revisions;
  assert.equal(author, "anna");
  assert.match(client, /^page, Chrom/);
  assert.ok(spent > 0 && spent < 60_000, `${file}: ${spent} ms`);
  assert.deepEqual([revision.note, revision.flags], [note, flags], file);
  const found = boxes.map((box) => box.origin);
  if (origins) assert.deepEqual(found, origins, file);
  if (labels)
    assert.deepEqual(
      boxes.map((box) => box.label),
      labels,
      file,
    );
  const outcomesFound = shown.map((each) => each.outcome);
  const times = (outcome) => outcomesFound.filter((each) => each === outcome).length;
  for (const [outcome, count] of Object.entries(outcomes)) assert.equal(times(outcome), count, file);
  if (all) assert.equal(times(all), shown.length, `${file}: ${outcomesFound}`);
  if (all?.startsWith("accepted"))
    assert.deepEqual(
      found,
      shown.map(() => "accepted"),
      file,
    );
  if (rest) assert.equal(times(rest), shown.length - 1, `${file}: ${outcomesFound}`);
}

test("30 images are labelled by the keyboard alone; tab and coordinator are killed meanwhile", async (t) => {
  t.after(() => deployment.up());
  deployment.token("annotator", "anna");
  let page = await place.newPage(t);
  const problems = [];
  const context = page.context();
  await place.logIn(page, "anna");
  await page.getByRole("link", { name: "Label parts", exact: true }).focus();
  await press(page, "Enter");
  await isReady(page);

  const done = new Map(); // by file: what is to be stored
  let shown = 1; // images since the page was loaded
  const reload = async () => {
    await page.reload();
    shown = 1;
    await isReady(page);
  };
  const openAnew = async () => {
    problems.push(...page.problems);
    page = watched(await context.newPage());
    await place.goTo(page, "parts");
    shown = 1;
    await isReady(page);
  };
  // Also more, where tasks that were given back at a reload have gone to others in between.
  const isAhead = () =>
    eventually("two pictures are fetched ahead", async () => (await picturesOn(page)) >= shown + 2);
  const answered = () => place.count("label_revision");
  const look = async () => [await fileOn(page), await rowsOn(page).allTextContents()];
  const keep = async () => {
    const [file, rows] = await look();
    await eventually("the work is on the disk", async () => {
      const labels = await keptLabelsOn(page, file);
      const kept = (i) => labels.filter((label) => label === i + 1).length;
      const seen = (name) => rows.filter((row) => row.includes(name)).length;
      return labels !== null && classes.every((name, i) => kept(i) >= seen(name));
    });
    return [file, rows];
  };

  // What happens when so many images are done, before the next one is submitted.
  const events = {
    4: async () => {
      const before = await keep();
      await reload();
      assert.deepEqual(await look(), before);
    },
    8: async () => {
      const before = await keep();
      await crash(page);
      await openAnew();
      assert.deepEqual(await look(), before);
    },
    11: async () => {
      await hasSent(page);
      await isAhead();
      deployment.kill();
    },
    13: async () => {
      await page.getByText(/^2 waiting to send · saved/).waitFor();
      deployment.up();
      await hasSent(page);
    },
    16: async () => {
      await hasSent(page);
      await isAhead();
      deployment.kill();
    },
    18: async () => {
      // Nobody is left who knows of two answers, but for the disk.
      await page.getByText(/^2 waiting to send · saved/).waitFor();
      const before = await keep();
      await crash(page);
      deployment.up();
      assert.equal(answered(), 16);
      await openAnew();
      await hasSent(page);
      assert.equal(answered(), 18);
      assert.deepEqual(await look(), before);
    },
  };
  // The coordinator is killed while it takes the answer.
  const killedWhileSending = new Set([21, 24, 27]);

  const names = Object.keys(ways);
  let turn = 0;
  while (done.size < 30) {
    const way = (await isBlind(page)) ? "draw" : names[turn++ % names.length];
    const expected = await ways[way](page);
    await events[done.size]?.();
    const file = await fileOn(page);
    await press(page, "Enter");
    if (killedWhileSending.has(done.size)) {
      deployment.kill();
      deployment.up();
    }
    done.set(file, { ...expected, way });
    await isNext(page, file);
    shown += 1;
  }
  await hasSent(page);

  assert.equal(await refusedOn(page), 0);
  assert.equal(done.size, 30);
  assert.equal(answered(), 30);
  const used = new Set([...done.values()].map(({ way }) => way));
  assert.deepEqual([...used].sort(), names.sort());
  for (const [file, expected] of done) checkAnswer(file, expected);
  deployment.loupe("provenance", "verify", "--project", "parts");
  assert.deepEqual([...problems, ...page.problems], []);
});

test("a draft is restored in the tab that had it, and two tabs have different tasks", async (t) => {
  const page = await place.annotate(t, "bert", "parts");
  await press(page, "n", "n");
  const other = await page.context().newPage();
  await other.goto(page.url());
  await isReady(other);
  assert.notEqual(await fileOn(other), await fileOn(page));
  const file = await fileOn(page);
  await page.close();
  await other.reload(); // Now nobody has the draft.
  await isReady(other);
  assert.equal(await fileOn(other), file);
  await other.getByText("drawn").waitFor();
  await submit(other);
  await hasSent(other);
  assert.deepEqual(
    place.answersTo(file, "parts").map(({ boxes }) => boxes.length),
    [1],
  );
});

test("two tabs of a person answer no image twice, and each answer is sent once", async (t) => {
  const page = await place.annotate(t, "bodo", "parts");
  const other = await page.context().newPage();
  await other.goto(page.url());
  await isReady(other);
  const label = async (tab) => {
    const files = [];
    for (let i = 0; i < 6; ++i) {
      await press(tab, "n", "n");
      files.push(await submit(tab));
    }
    await hasSent(tab);
    return files;
  };
  const files = (await Promise.all([label(page), label(other)])).flat();
  assert.equal(new Set(files).size, 12);
  const stored = files.map((file) => place.answersTo(file, "parts").map(({ author }) => author));
  assert.deepEqual(
    stored,
    files.map(() => ["bodo"]),
  );
});

test("tasks that a killed tab held are taken up by the next one", async (t) => {
  const page = await place.annotate(t, "bill", "parts");
  await eventually("two are leased ahead", () => place.held("bill") === 3);
  await crash(page);
  const later = await page.context().newPage();
  await place.goTo(later, "parts");
  await isReady(later);
  await eventually("two pictures are fetched ahead", async () => (await picturesOn(later)) >= 3);
  assert.equal(place.count("task JOIN principal ON principal.id = principal_id WHERE name = 'bill'"), 3);
});

test("tasks that nobody has begun are given back when the page is left", async (t) => {
  const page = await place.annotate(t, "carl", "parts");
  await eventually("tasks are leased ahead", () => place.held("carl") === 3);
  await page.getByRole("link", { name: "All projects" }).click();
  await eventually("they are given back", () => place.held("carl") === 0);
});

test("an answer waits while the session has ended, and is sent after the log-in", async (t) => {
  const secret = deployment.token("annotator", "dora");
  const page = await place.newPage(t);
  await place.logIn(page, "dora");
  await openProject(page, "parts");
  const file = await fileOn(page);
  deployment.psql("UPDATE session SET expires_at = now() - interval '1 second'");
  await page.waitForTimeout(1200); // Within a second nobody is asked again.
  await press(page, "n", "n", "Enter");
  await page.getByLabel("Token").fill(secret);
  await page.getByRole("button", { name: "Log in" }).click();
  await isReady(page);
  await hasSent(page);
  assert.deepEqual(
    place.answersTo(file, "parts").map(({ author, boxes }) => [author, boxes.length]),
    [["dora", 1]],
  );
});

test("the boxes in hand are there after a log-in that had expired, undo included", async (t) => {
  const secret = deployment.token("annotator", "doro");
  const page = await place.newPage(t);
  await place.logIn(page, "doro");
  await openProject(page, "parts");
  await press(page, "n", "n", "ArrowRight", "n", "n");
  const file = await fileOn(page);
  await eventually("the work is on the disk", async () => (await keptOn(page, file)) >= 2);
  deployment.psql("UPDATE session SET expires_at = now() - interval '1 second'");
  await page.waitForTimeout(1200);
  await page.reload();
  await page.getByLabel("Token").fill(secret);
  await page.getByRole("button", { name: "Log in" }).click();
  await isReady(page);
  assert.equal(await fileOn(page), file);
  assert.equal(await rowsOn(page).filter({ hasText: "drawn" }).count(), 2);
  await press(page, "u", "u");
  assert.equal(await rowsOn(page).filter({ hasText: "drawn" }).count(), 1);
});

test("the last answer is opened again and corrected", async (t) => {
  const page = await place.annotate(t, "emil", "parts");
  await press(page, "n", "n");
  const file = await submit(page);
  const next = await fileOn(page);
  await press(page, "Backspace");
  await page.locator(".file").getByText(file).waitFor();
  await press(page, "Tab", "3");
  await submit(page);
  assert.equal(await fileOn(page), next);
  await hasSent(page);
  assert.deepEqual(
    place.answersTo(file, "parts").map(({ source, boxes }) => [source, boxes[0].label]),
    [
      ["task", 1],
      ["reopen", 3],
    ],
  );
});

test("Enter that is held down submits one image", async (t) => {
  const page = await place.annotate(t, "hugo", "parts");
  const before = place.count("label_revision");
  await page.keyboard.down("Enter");
  for (let i = 0; i < 5; ++i) await page.keyboard.down("Enter"); // Repeats, as of a key that is held
  await page.keyboard.up("Enter");
  await hasSent(page);
  await eventually("it is stored", () => place.count("label_revision") > before);
  assert.equal(place.count("label_revision"), before + 1);
});

test("a viewer, and who has nothing to label, reads what to do next", async (t) => {
  deployment.token("viewer", "vera");
  const page = await place.newPage(t);
  await place.logIn(page, "vera");
  assert.equal(await page.getByRole("link", { name: /^Label/ }).count(), 0);
  await place.goTo(page, "parts");
  await page.getByText("Ask an admin for one with the role annotator").waitFor();

  const admin = await place.newPage(t);
  await place.logIn(admin, "admin");
  await admin.getByRole("link", { name: "Label empty", exact: true }).click();
  await admin.getByText("empty has no pictures yet").waitFor();
});

test("what was drawn on a skipped image is there when it is taken up again", async (t) => {
  const pictures = path.join(deployment.folder, "one");
  writePictures(pictures, "one", 1, 64);
  place.createProject("tiny", ["a"], pictures);
  const page = await place.annotate(t, "lena", "tiny");
  await press(page, "n", "n", "s");
  await page.getByText("Only images that you have skipped are left: 1.").waitFor();
  await page.getByRole("button", { name: "Take them up again" }).click();
  await isReady(page);
  assert.deepEqual(await rowsOn(page).allTextContents(), ["●adrawn"]);
  await press(page, "Enter");
  await page.getByText("Nothing is left to label in tiny. Thank you.").waitFor();
  await hasSent(page);
});
