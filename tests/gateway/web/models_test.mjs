// The pages of models, of two side by side, and the form that starts a round.

import assert from "node:assert/strict";
import crypto from "node:crypto";
import fs from "node:fs";
import path from "node:path";
import test, { after, before } from "node:test";
import { create, toBinary } from "@bufbuild/protobuf";
import { SCREENSHOTS, Workplace, violationsOn } from "./annotate_page.mjs";
import { EvaluationSchema, GateSchema } from "./gen/loupe/v1/round_pb.js";

const place = new Workplace();
const { deployment } = place;
let base; // of the project's pages
let truth; // COCO

before(async () => {
  const parts = place.createParts("parts", { images: 40, holdout: 0.5 });
  truth = parts.truth;
  const coco = path.join(parts.folder, "annotations.json");
  const images = path.join(parts.folder, "images");
  deployment.loupe(
    "import",
    "--images",
    images,
    "--coco",
    coco,
    "--labelled",
    "all",
    "--blind",
    "--project",
    "parts",
  );
  place.createProject("empty", ["scratch"]);
  for (const role of ["engineer", "viewer", "annotator"]) deployment.token(role, role);
  makeModels();
  base = `${deployment.url}/#/p/parts`;
  await place.open();
});
after(() => place.close());

function weights(seed) {
  const header = '{"bn1.weight":{"dtype":"F32","shape":[64],"data_offsets":[0,256]}}';
  const size = Buffer.alloc(8);
  size.writeBigUInt64LE(BigInt(header.length));
  return Buffer.concat([size, Buffer.from(header), Buffer.alloc(256, seed)]);
}

function hexOf(schema, message) {
  return Buffer.from(toBinary(schema, create(schema, message))).toString("hex");
}

// What a worker would have trained is imported, and gets rounds and predictions by SQL. The first model finds
// the first box of each image, the second finds all, and one that isn't there in every third image.
function makeModels() {
  const names = ["first", "second", "backbone"];
  for (const [i, name] of names.entries()) {
    const file = path.join(deployment.folder, `${name}.safetensors`);
    fs.writeFileSync(file, weights(i + 1));
    deployment.loupe(
      "model",
      "import",
      "--weights",
      file,
      "--preset",
      "small",
      "--name",
      name,
      "--project",
      "parts",
    );
  }
  const gates = [
    { outcome: 1, images: 20n },
    {
      outcome: 2,
      againstModel: 1,
      images: 20n,
      againstAp50: 0.25,
      difference: 0.5,
      differenceLow: 0.4,
      differenceHigh: 0.625,
    },
  ];
  const judged = gates.map((gate, i) => {
    const perClass = truth.categories.map((_, c) => ({ label: c + 1, ap: 0.2, ap50: (i + 1) / 4 }));
    const evaluation = { images: 20n, ap: 0.2, ap50: (i + 1) / 4, ap75: 0.1, perClass, randomSample: true };
    const result = hexOf(EvaluationSchema, evaluation);
    return `(${i + 1}, '\\x${result}'::bytea, '\\x${hexOf(GateSchema, gate)}'::bytea)`;
  });
  deployment.psql(`
    WITH made AS (INSERT INTO snapshot (project_id) SELECT id FROM project WHERE name = 'parts' RETURNING id),
    rounds AS (
      INSERT INTO round (project_id, number, state, recipe, snapshot_id, submitted_by, model_id, ended_at)
      SELECT project_id, number, 'done', 'training { iterations: 33 }', made.id, 1, model.id, now()
      FROM made, model WHERE number < 3
      RETURNING id, model_id, number)
    INSERT INTO evaluation (model_id, round_id, result, gate)
    SELECT model_id, rounds.id, result, gate
    FROM rounds JOIN (VALUES ${judged.join(", ")}) AS judged (number, result, gate) USING (number);
    UPDATE model SET round_id = round.id FROM round WHERE round.model_id = model.id;
    UPDATE model SET parent_id = parent.id FROM model parent WHERE model.number = 2 AND parent.number = 1;
    INSERT INTO prediction (model_id, image_id, corners, labels, scores, runner_up_labels, runner_up_scores,
                            background_scores, agreements, embedding, max_foreground_score)
    SELECT model.id, image.id, corners, labels, scores, labels, zeros, zeros, '{}', '', 0.9
    FROM (VALUES ${[1, 2].flatMap(predictionRows).join(",\n")})
         AS row (number, file_name, corners, labels, scores, zeros)
    JOIN model USING (number) JOIN image USING (file_name) WHERE side = 'holdout'`);
  deployment.loupe("model", "promote", "first", "--project", "parts");
}

function predictionRows(model) {
  return truth.images.map(({ id, file_name: file }, i) => {
    const own = truth.annotations.filter((each) => each.image_id === id);
    const boxes = own
      .slice(0, model === 1 ? 1 : own.length)
      .map(({ bbox: [x, y, w, h], category_id: category }) => {
        return { corners: [x, y, x + w, y + h], label: category };
      });
    if (model === 2 && i % 3 === 0) boxes.push({ corners: [1, 1, 9, 9], label: 1 });
    const array = (values, type) => `ARRAY[${values.join(", ")}]::${type}[]`;
    const columns = [
      array(
        boxes.flatMap(({ corners }) => corners),
        "real",
      ),
      array(
        boxes.map(({ label }) => label),
        "smallint",
      ),
      array(
        boxes.map((_, n) => 0.9 - 0.01 * n),
        "real",
      ),
      array(
        boxes.map(() => 0),
        "real",
      ),
    ];
    return `(${model}, '${file}', ${columns.join(", ")})`;
  });
}

async function open(t, who, address, options) {
  const page = await place.newPage(t, options);
  await place.logIn(page, who);
  await page.goto(`${base}${address}`);
  return page;
}

const json = (...words) => deployment.json(...words, "--project", "parts");
const part = (page, name) => page.getByRole("region", { name, exact: true });
const cells = async (page, row) => (await row.getByRole("cell").allTextContents()).map((text) => text.trim());
const rowOf = (page, name) =>
  page.getByRole("row").filter({ has: page.getByRole("rowheader", { name, exact: true }) });
const field = (page, name) => page.getByLabel(name).first();
const signed = (value) =>
  `${Math.abs(value) < 0.0005 ? "" : value < 0 ? "−" : "+"}${Math.abs(value).toFixed(3)}`;
const counts = ({ true_positives, false_positives, false_negatives }) =>
  `${true_positives} right, ${false_positives} false, ${false_negatives} missed`;
const servingNow = () => json("model", "list").models.find(({ state }) => state === "serving")?.number;

async function downloaded(page, click) {
  const [download] = await Promise.all([page.waitForEvent("download"), click()]);
  return { name: download.suggestedFilename(), bytes: fs.readFileSync(await download.path()) };
}

test("the list says what the command line says, also as a file", async (t) => {
  const page = await open(t, "viewer", "/models");
  const [backbone, second, first] = json("model", "list").models;
  await rowOf(page, "2").waitFor();
  assert.deepEqual((await cells(page, rowOf(page, "2"))).slice(0, 6), [
    second.evaluation.ap50.toFixed(3),
    "second",
    "candidate",
    "small",
    "20",
    "passed +0.500 (+0.400 to +0.625)",
  ]);
  assert.deepEqual((await cells(page, rowOf(page, "1"))).slice(1, 3), ["first", "serving"]);
  assert.ok((await cells(page, rowOf(page, "3"))).includes("imported"));
  assert.equal(await page.getByText("loupe model import").count(), 0, "a viewer can't");
  const file = await downloaded(page, () => page.getByRole("button", { name: "JSON" }).click());
  assert.equal(file.name, "parts-models.json");
  const rows = JSON.parse(file.bytes);
  assert.deepEqual(
    rows.map(({ number }) => number),
    [3, 2, 1],
  );
  assert.equal(rows[1].ap50, second.evaluation.ap50);
  assert.equal(rows[1].difference_low, second.gate.difference_low);
  assert.equal(rows[2].name, first.name);
  assert.equal(rows[0].ap50, null);
  assert.equal(backbone.evaluation, undefined);
  assert.deepEqual(page.problems, []);
});

test("a project without models says how to get one", async (t) => {
  const page = await open(t, "engineer", "");
  await page.goto(`${deployment.url}/#/p/empty/models`);
  await page.getByRole("link", { name: "start a round" }).click();
  await page.getByText("Nothing in the pool is labelled yet.").waitFor();
  await page.getByRole("link", { name: "Label images" }).waitFor();
});

test("a model's page leads to its relatives, and its weights have its hash", async (t) => {
  const page = await open(t, "viewer", "/models/2");
  const model = json("model", "show", "2");
  await page.getByText("Its weights come from model 1.").waitFor();
  await page.getByText(model.evaluation.ap50.toFixed(3)).first().waitFor();
  await page.getByText("+0.400 to +0.625").waitFor();
  assert.equal(await part(page, "Serving").count(), 0, "a viewer has no actions");
  const file = await downloaded(page, () => page.getByRole("link", { name: /^Weights/ }).click());
  assert.equal(file.name, "second.safetensors");
  assert.equal(crypto.createHash("sha256").update(file.bytes).digest("hex"), model.weights_sha256);
  await part(page, "Lineage").getByRole("link", { name: "model 1" }).click();
  await page.getByText("Trained from it: model 2.").waitFor();
  await page.goto(`${base}/models/99`);
  await page.getByText("There is no model 99 in parts.").waitFor();
  await page.getByRole("link", { name: "All models" }).click();
  await rowOf(page, "1").waitFor();
});

test("weights are for who may export them, in parts, and never damaged", async () => {
  const model = json("model", "show", "1");
  const secrets = new Map(
    ["viewer", "annotator"].map((role) => [role, deployment.token(role, `${role} of weights`)]),
  );
  const get = (role, headers = {}, id = model.id) =>
    fetch(`${deployment.url}/models/${id}/weights`, {
      headers: { ...headers, ...(role && { authorization: `Bearer ${secrets.get(role)}` }) },
    });
  const whole = await get("viewer");
  assert.equal(whole.headers.get("content-disposition"), 'attachment; filename="first.safetensors"');
  assert.equal(whole.headers.get("etag"), `"${model.weights_sha256}"`);
  assert.equal(whole.headers.get("cache-control"), "private, no-cache");
  const bytes = Buffer.from(await whole.arrayBuffer());
  assert.deepEqual(bytes, weights(1));
  const rest = await get("viewer", { range: "bytes=100-" });
  assert.equal(rest.status, 206);
  assert.deepEqual(Buffer.from(await rest.arrayBuffer()), bytes.subarray(100));
  assert.equal((await get("viewer", { "if-none-match": `"${model.weights_sha256}"` })).status, 304);
  assert.equal((await get("annotator")).status, 403);
  assert.equal((await get("")).status, 401);
  assert.equal((await get("viewer", {}, 999999)).status, 404);
  assert.equal((await fetch(`${deployment.url}/models/x/weights`)).status, 404);

  const hash = json("model", "show", "3").weights_sha256;
  const blob = path.join(deployment.server, "blobs", hash.slice(0, 2), hash.slice(2));
  fs.chmodSync(blob, 0o644);
  fs.writeFileSync(blob, weights(9));
  const damaged = await get("viewer", {}, json("model", "show", "3").id);
  assert.equal(damaged.status, 500);
  assert.equal((await damaged.json()).details[0].debug.reason, "DAMAGED_BLOB");
});

test("two models side by side have the numbers of the command line", async (t) => {
  const page = await open(t, "viewer", "/compare?a=1&b=2");
  const compared = json("model", "compare", "1", "2");
  const printed = deployment.loupe("model", "compare", "1", "2", "--project", "parts");
  assert.match(printed, new RegExp(`model 2 is better on ${compared.second_better_images} images?\n`));
  const verdict = part(page, "On the same images");
  await verdict.getByText(signed(compared.ap50.difference), { exact: false }).first().waitFor();
  const text = await verdict.innerText();
  assert.ok(compared.ap50.low > 0);
  assert.ok(text.includes(`Model 2 is better, on ${compared.images} images`), text);
  assert.ok(text.includes(`${signed(compared.ap50.low)} to ${signed(compared.ap50.high)}`), text);
  assert.ok(text.includes(`AP50 ${compared.first_evaluation.ap50.toFixed(3)}`), text);
  for (const which of ["first", "second"])
    assert.ok(text.includes(counts(compared[`${which}_counts`])), text);
  for (const { class: name, boxes, ap50 } of compared.classes) {
    const row = await cells(page, rowOf(page, name));
    assert.equal(row[0], String(boxes));
    if (ap50) assert.equal(row[3], signed(ap50.difference));
  }
  const better = part(page, "Where model 2 is better");
  const names = await better.locator(".pair > .name").allTextContents();
  assert.deepEqual(
    names,
    compared.second_better.slice(0, 12).map(({ file_name }) => file_name),
  );
  const first = compared.second_better[0];
  await better
    .getByText(`Model 1: ${counts(first.first)}`)
    .first()
    .waitFor();
  const worse = part(page, "Where model 1 is better");
  await worse.getByText(`on ${compared.first_better_images} image`).waitFor();
  assert.ok(compared.first_better_images > 0);
  const link = better.getByRole("link", { name: `${first.file_name}, model 1` });
  assert.equal(await link.getAttribute("href"), `#/p/parts/images/${first.image_id}?model=1`);
  assert.ok((await link.locator("svg .missed").count()) > 0);
  assert.ok((await worse.locator("svg path.false").count()) > 0);

  await page.getByRole("button", { name: "Swap the two models" }).click();
  await verdict.getByText("Model 2 is better").waitFor();
  await verdict.getByText(`−${compared.ap50.difference.toFixed(3)}`).waitFor();
  assert.match(page.url(), /a=2&b=1$/);
  await page.getByLabel("Boxes count from a score of").fill("0.95");
  await page.getByLabel("Boxes count from a score of").press("Tab");
  await verdict.getByText("0 right, 0 false").first().waitFor();
  await part(page, "Where model 1 is better").getByText("There is no such image.").waitFor();
  assert.deepEqual(page.problems, []);
  for (const [query, reason] of [
    ["a=1&b=99", 'there is no model "99"'],
    ["a=1&b=1", "both are model 1"],
    ["a=1&b=3", "backbone has predicted no labelled image"],
  ]) {
    await page.goto(`${base}/compare?${query}`);
    await page
      .getByRole("alert")
      .filter({ hasText: reason })
      .getByRole("link", { name: "All models" })
      .waitFor();
  }
});

test("an engineer promotes and rolls back, and learns what somebody else did meanwhile", async (t) => {
  const page = await open(t, "engineer", "/models/2");
  const serving = part(page, "Serving");
  await serving.getByText("Model 1 serves now.").waitFor();
  await serving.getByRole("button", { name: "Promote model 2" }).click();
  await serving.getByText("Model 2 serves now.").waitFor();
  assert.equal(servingNow(), 2);
  const back = serving.getByRole("button", { name: "Roll back to model 1" });
  await back.waitFor();
  deployment.loupe("model", "rollback", "--project", "parts");
  await back.click();
  await serving.getByText("Somebody changed meanwhile which model serves, so nothing was done.").waitFor();
  await serving.getByText("Model 1 serves now.").waitFor();
  assert.equal(servingNow(), 1);
  await serving.getByRole("button", { name: "Promote model 2" }).click();
  await back.click();
  await serving.getByText("Model 1 serves now.").first().waitFor();
  assert.equal(servingNow(), 1);
  await page.goto(`${base}/models/3`);
  await page.getByText("It can't serve, since no round of this project trained it.").waitFor();
  await page.getByRole("link", { name: "Start a round from it" }).click();
  await page.waitForFunction(
    () => document.querySelector('[id="field-detector.init_model"]')?.value === "backbone",
  );
});

test("the form says what is wrong at the field, what a round takes, and starts it", async (t) => {
  const page = await open(t, "engineer", "/rounds/new");
  const iterations = field(page, "iterations");
  const problem = page.locator('[id="field-training.iterations-problem"]');
  const labelled = json("round", "submit", "--plan");
  await page
    .getByText(`${labelled.snapshot_images} labelled images, ${labelled.snapshot_boxes} boxes`)
    .waitFor();
  assert.equal(await iterations.getAttribute("placeholder"), "400");
  await iterations.fill("0");
  await problem.getByText("must be from 1 to 1,000,000").waitFor();
  assert.equal(await iterations.getAttribute("aria-invalid"), "true");
  await iterations.fill("99999999999");
  await problem.getByText("must be from 1 to 1,000,000").waitFor();
  await iterations.fill("a few");
  await problem.getByText("must be a whole number").waitFor();
  assert.ok(await page.getByRole("button", { name: "Start the round" }).isDisabled());
  await iterations.fill("7");
  await problem.getByText("must be").waitFor({ state: "detached" });
  await field(page, "init model").fill('no "such"');
  await page.locator('[id="field-detector.init_model-problem"]').getByText('no "such"').waitFor();
  await field(page, "init model").fill("");
  await page
    .locator("summary")
    .filter({ hasText: /^training/ })
    .click();
  await field(page, "batch size").fill("2");
  await field(page, "strategy").selectOption("entropy");
  await page.locator("pre").getByText('strategy: "entropy"').waitFor();
  const text = 'training {\n  iterations: 7\n  batch_size: 2\n}\nranking {\n  strategy: "entropy"\n}\n';
  assert.equal(await page.locator("pre").textContent(), text);
  await page.getByText(`${((7 * 2) / labelled.snapshot_images).toFixed(1)} epochs`).waitFor();
  await page.getByText("No worker is here.").waitFor();
  // The address has all of it.
  await page.reload();
  await page.locator("pre").getByText("batch_size: 2").waitFor();
  await page.getByRole("button", { name: "Start the round" }).click();
  await page.waitForURL(/rounds\/3$/);
  const { recipe } = json("round", "show", "3");
  for (const line of ["iterations: 7", "batch_size: 2", 'strategy: "entropy"'])
    assert.ok(recipe.includes(line), recipe);
  assert.deepEqual(
    page.problems.filter((each) => !each.includes("400")),
    [],
  );
});

test("a round's recipe is taken over, but for its defaults", async (t) => {
  const page = await open(t, "engineer", "/rounds/new?from=1");
  await page.locator("pre").getByText("iterations: 33").waitFor();
  assert.match(page.url(), /training.iterations=33/);
  assert.ok(!page.url().includes("from="));
  assert.ok(!(await page.locator("pre").textContent()).includes("batch_size"));
  await page.getByRole("button", { name: "All defaults" }).click();
  await page.locator("pre").getByText("# all defaults").waitFor();
  await page.goto(`${base}/rounds/new?from=99`);
  await page.getByText("there is no round 99").waitFor();
  await page.getByRole("link", { name: "Begin with the defaults instead" }).click();
  await page.locator("pre").getByText("# all defaults").waitFor();
});

test("who may not start rounds or see figures reads that", async (t) => {
  const viewer = await open(t, "viewer", "/rounds/new");
  await viewer.getByText("Only engineers and admins start rounds. Your token has the role viewer").waitFor();
  assert.equal(await viewer.getByRole("button", { name: "Start the round" }).count(), 0);
  const annotator = await open(t, "annotator", "/compare?a=1&b=2");
  await annotator.getByText("Only viewers, engineers and admins see how good models are.").waitFor();
  await annotator.goto(`${base}/models/1`);
  await annotator.getByText("Model 1", { exact: true }).waitFor();
  await annotator.getByText("AP50").first().waitFor();
  assert.equal(await annotator.getByRole("link", { name: /^Weights/ }).count(), 0);
  assert.equal(await part(annotator, "Lineage").count(), 0);
});

for (const [colorScheme, width] of [
  ["light", 1280],
  ["dark", 1920],
  ["light", 390],
]) {
  test(`the pages fit ${width} pixels, ${colorScheme}`, async (t) => {
    const viewport = { width, height: 800 };
    const page = await open(t, "engineer", "/models", { colorScheme, viewport });
    for (const [name, address] of [
      ["models", "/models"],
      ["model", "/models/2"],
      ["compare", "/compare?a=1&b=2"],
      ["new-round", "/rounds/new?training.iterations=0"],
    ]) {
      await page.goto(`${base}${address}`);
      await page.waitForLoadState("networkidle");
      await page.waitForFunction(() => !document.querySelector('[aria-busy="true"]'));
      const file = `${name}-${colorScheme}-${width}.png`;
      await page.screenshot({ path: path.join(SCREENSHOTS, file), fullPage: true });
      const widest = await page.evaluate(() => document.documentElement.scrollWidth);
      assert.ok(widest <= width, `${name} is ${widest} pixels wide`);
      assert.deepEqual(await violationsOn(page), [], name);
    }
  });
}
