// What the study is about: made-up parts, a project with the boxes of a first model, and one without any.

import { execFileSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { BIN, SOURCE } from "../../gateway/web/deployment.mjs";
import { sum } from "./figures.mjs";
import { createProject } from "./projects.mjs";

const LOWEST_SCORE = 0.3; // of predicted boxes that tasks show
const ITERATIONS = /iterations: \d+/;

// `truth`: boxes by file name. The parts of the images to train on aren't those of the study, since
// pictures of the same part are near-duplicates; nor are two images of the study of the same part.
export function makeParts(deployment, trained, studied) {
  const folder = path.join(deployment.folder, "parts");
  const count = trained + 2 * studied;
  execFileSync(path.join(BIN, "loupe-worker"), ["sample", "--out", folder, "--images", count, "--seed", "7"]);
  const coco = path.join(folder, "annotations.json");
  const { truth, classes } = readCoco(coco);
  const names = [...truth.keys()].sort();
  const partOf = (name) => name.match(/^part_(\d+)/)[1];
  const train = names.slice(0, trained);
  const seen = new Set(train.map(partOf));
  const isNew = (name) => !seen.has(partOf(name)) && seen.add(partOf(name));
  const study = names.slice(trained).filter(isNew).slice(0, studied);
  if (study.length < studied) throw new Error(`only ${study.length} parts for the study`);
  return { folder, coco, truth, classes, train, study };
}

export const filesOf = ({ folder, study }) => study.map((name) => path.join(folder, "images", name));

// A COCO file's boxes as { corners, label } by file name, and the names of its classes.
export function readCoco(file) {
  const { images, annotations, categories } = JSON.parse(fs.readFileSync(file));
  const truth = new Map(images.map(({ file_name: name }) => [name, []]));
  const names = new Map(images.map(({ id, file_name: name }) => [id, name]));
  for (const {
    image_id: image,
    bbox: [x, y, width, height],
    category_id: label,
  } of annotations) {
    truth.get(names.get(image)).push({ corners: [x, y, x + width, y + height], label });
  }
  return { truth, classes: categories.map(({ name }) => name) };
}

// Creates the project `assisted` and runs its first round. Returns what the model was made of.
export function trainModel(deployment, parts, quick) {
  const { folder, coco, truth, classes, train } = parts;
  createProject(deployment, "assisted", classes, filesOf(parts));
  const list = path.join(deployment.folder, "train.txt");
  fs.writeFileSync(list, train.map((name) => `${name}\n`).join(""));
  deployment.loupe(
    "import",
    "--images",
    path.join(folder, "images"),
    "--project",
    "assisted",
    "--coco",
    coco,
    "--only",
    `@${list}`,
    "--labelled",
    `@${list}`,
  );
  const recipe = path.join(deployment.folder, "recipe.textproto");
  fs.writeFileSync(recipe, recipeOf(quick));
  deployment.loupe("up"); // with a worker
  const began = Date.now();
  deployment.loupe("round", "submit", "--recipe", recipe, "--watch", "--project", "assisted");
  const seconds = Math.round((Date.now() - began) / 1000);
  process.kill(parseInt(deployment.read("worker.pid"), 10), "SIGTERM");
  const boxes = sum(train.map((name) => truth.get(name).length));
  return { trained_images: train.length, trained_boxes: boxes, round_seconds: seconds };
}

// That of the quickstart, but all images that are left are ranked, and none is blind.
function recipeOf(quick) {
  const recipe = fs.readFileSync(path.join(SOURCE, "deploy", "quickstart.textproto"), "utf8");
  const ranking = "ranking { random_share: 0 rare_share: 0 uncertain_blind_share: 0 }";
  const changed = recipe.replace(/ranking \{.*\}/, ranking);
  return quick ? changed.replace(ITERATIONS, "iterations: 60") : changed;
}

// The boxes that tasks of the project `assisted` show, by file name.
export function predictionsOf(deployment) {
  const rows = deployment.psql(`
    SELECT json_build_object('name', image.file_name, 'width', image.width, 'height', image.height,
             'corners', prediction.corners, 'labels', prediction.labels, 'scores', prediction.scores)
    FROM prediction JOIN image ON image.id = prediction.image_id JOIN model ON model.id = prediction.model_id
         JOIN project ON project.id = image.project_id
    WHERE project.name = 'assisted' AND model.state = 'serving'`);
  return new Map(rows.split("\n").map((line) => shownOf(JSON.parse(line))));
}

function shownOf({ name, corners, labels, scores, width, height }) {
  const limits = [width, height, width, height];
  const clipped = (at, side) => Math.min(Math.max(at, 0), limits[side]);
  const boxes = scores.map((score, i) => {
    return { corners: corners.slice(4 * i, 4 * i + 4).map(clipped), label: labels[i], score };
  });
  return [name, boxes.filter(({ score }) => Math.fround(score) >= Math.fround(LOWEST_SCORE))];
}
