#!/usr/bin/python3
"""Whether an annotator can tell planted tasks from ordinary ones.

    tests/e2e/planted_classifier_test.py [--tasks 260] [--seed 1]

A model is trained on made-up pictures, and serves. An annotator answers its tasks one by one and writes down
all that the role sees: every field of the task and of the answers to Submit, GetStatus, GetOwnWork and
ListAnswers, how long they took, how the shown boxes lie, and how near they come to those of another task. Two
classifiers are trained on that, and judged on tasks that they haven't seen. The test fails where one of them
is better than chance: the 99.8 % interval of its AUC lies above 0.5.
"""
import argparse
import json
import os
import random
import sys
import time

import numpy as np
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from json_api import JsonApi  # noqa: E402
from loupe_programs import Deployment, read_json, worker, write_lines  # noqa: E402

IMAGES, LABELLED = 700, 320
RECIPE = """
detector {{ preset: "small" min_size: 96 max_size: 128 }}
training {{ iterations: {iterations} checkpoint_interval: 50 }}
ranking {{ budget: 500 }}
seed: 1
"""
SHARE = 0.2
RESAMPLES = 2000
PROJECT = "parts"


def timed(call, method, **body):
    """The answer, and the milliseconds it took."""
    began = time.perf_counter()
    answer = call(method, **body)
    return answer, 1000 * (time.perf_counter() - began)


def prepare(deployment, iterations, seed):
    """A project in which a model serves, and errors are planted."""
    worker("sample", "--out", deployment.path("parts"), "--images", IMAGES, "--seed", seed)
    annotations = deployment.path("parts", "annotations.json")
    coco = read_json(annotations)
    classes = ",".join(c["name"] for c in sorted(coco["categories"], key=lambda c: c["id"]))
    ids = [image["id"] for image in coco["images"]]
    labelled = random.Random(seed).sample(ids, LABELLED)
    chosen = write_lines(deployment.path("labelled.txt"), sorted(labelled))
    deployment.loupe("project", "create", PROJECT, "--classes", classes, "--seed", seed)
    deployment.loupe("import", "--images", deployment.path("parts", "images"), "--coco", annotations,
                     "--labelled", f"@{chosen}", "--blind")
    recipe = deployment.path("recipe.textproto")
    with open(recipe, "w", encoding="utf-8") as file:
        file.write(RECIPE.format(iterations=iterations))
    deployment.loupe("round", "submit", "--recipe", recipe, "--watch", timeout=1200)
    deployment.loupe("project", "quality-control", "--planted", SHARE, "--overlap", 0.1)


def numbers(value, name, into):
    """Every number, text and list of an answer as features."""
    if isinstance(value, dict):
        for key, item in value.items():
            numbers(item, f"{name}.{key}", into)
    elif isinstance(value, list):
        into[f"{name}.length"] = len(value)
        parts = {}
        for item in value:
            each = {}
            numbers(item, "", each)
            for key, number in each.items():
                parts.setdefault(key, []).append(number)
        for key, several in parts.items():
            for what, of in (("mean", np.mean), ("least", np.min), ("most", np.max), ("spread", np.std)):
                into[f"{name}[]{key}.{what}"] = of(several)
    elif isinstance(value, bool) or value is None:
        into[name] = float(bool(value))
    elif isinstance(value, (int, float)):
        into[name] = float(value)
    else:
        try:
            into[name] = float(value)
        except ValueError:
            into[f"{name}.text"] = float(hash(value) % 1000 if len(value) < 40 else len(value))


def geometry(task, into):
    """How the shown boxes lie, in the picture and to each other."""
    boxes = np.array([[box["box"].get(side, 0) for side in ("x1", "y1", "x2", "y2")]
                      for box in task.get("predictions", [])])
    scores = np.array([box.get("score", 0) for box in task.get("predictions", [])])
    width, height = task["image"]["width"], task["image"]["height"]
    if len(boxes) == 0:
        return
    sides = boxes[:, 2:] - boxes[:, :2]
    areas = sides.prod(axis=1)
    border = np.minimum(boxes[:, :2], np.array([width, height]) - boxes[:, 2:]).min(axis=1)
    overlap = np.zeros((len(boxes), len(boxes)))
    for i, one in enumerate(boxes):
        low, high = np.maximum(one[:2], boxes[:, :2]), np.minimum(one[2:], boxes[:, 2:])
        shared = np.clip(high - low, 0, None).prod(axis=1)
        overlap[i] = shared / (areas[i] + areas - shared)
    np.fill_diagonal(overlap, 0)
    for what, values in (("area", np.sqrt(areas)), ("aspect", np.log(sides[:, 0] / sides[:, 1])),
                         ("border", border), ("overlap", overlap.max(axis=1)),
                         ("whole", np.abs(boxes - boxes.round()).mean(axis=1))):
        for name, of in (("mean", np.mean), ("least", np.min), ("most", np.max)):
            into[f"lies.{what}.{name}"] = of(values)
    order = np.argsort(-scores)
    into["lies.area of the surest"] = np.sqrt(areas[order[0]])
    into["lies.area of the least sure"] = np.sqrt(areas[order[-1]])
    into["lies.score by area"] = np.corrcoef(scores, areas)[0, 1] if len(boxes) > 2 and areas.std() else 0.0


def correction(task, spent):
    boxes = [{"box": box["box"], "label": box["label"], "predictedIndex": box.get("index", 0)}
             for box in task.get("predictions", [])]
    return {"taskId": task["taskId"], "lease": task["lease"], "boxes": boxes, "spentMs": spent}


def work(annotator, tasks, seed):
    """Image id and features of each task."""
    draw = random.Random(seed)
    seen, tasks_seen = [], []
    status = annotator.call("ProjectService/GetStatus", project=PROJECT)
    before = {}
    while len(seen) < tasks:
        answer, waited = timed(annotator.change, "LabelingService/NextTasks", project=PROJECT, count=1)
        if not answer.get("tasks"):
            break
        task = answer["tasks"][0]
        features = {"waited": waited, "size": len(json.dumps(answer))}
        numbers(task, "task", features)
        geometry(task, features)
        answered = correction(task, draw.randrange(2000, 9000))
        taken, took = timed(annotator.change, "LabelingService/Submit", **answered)
        features["took"] = took
        numbers(taken, "taken", features)
        after, asked = timed(annotator.call, "ProjectService/GetStatus", project=PROJECT)
        features["asked"] = asked
        for name in ("images", "labelled", "openLeases", "queueLength"):
            features[f"grown.{name}"] = int(after.get(name, 0)) - int(status.get(name, 0))
        status = after
        own = annotator.call("LabelingService/GetOwnWork", project=PROJECT)
        numbers(own, "own", features)
        listed = annotator.call("LabelingService/ListAnswers", project=PROJECT, pageSize=1)
        numbers(listed.get("answers", [{}])[0], "listed", features)
        now = {"task": int(task["taskId"]), "lease": int(task["lease"]), "image": int(task["image"]["id"]),
               "revision": int(taken["revisionId"])}
        for name, number in now.items():
            features[f"step.{name}"] = number - before.get(name, number)
        before = now
        if not task.get("blind"):
            seen.append((int(task["image"]["id"]), features))
            tasks_seen.append(task)
    copies(tasks_seen, [features for _, features in seen])
    return seen


def copies(tasks, table):
    """How near what a task shows comes to what another one shows, before or after."""
    shown = [np.array([[box["box"].get(side, 0) for side in ("x1", "y1", "x2", "y2")] + [box.get("score", 0)]
                       for box in task.get("predictions", [])]).reshape(-1, 5) for task in tasks]
    for i, one in enumerate(shown):
        others = [other for j, other in enumerate(shown) if j != i and len(other) == len(one) > 0]
        if others:
            table[i]["near.scores"] = min(np.linalg.norm(other[:, 4] - one[:, 4]) for other in others)
            table[i]["near.boxes"] = min(np.abs(other[:, :4] - one[:, :4]).mean() for other in others)
        boxes = np.concatenate([other[:, :4] for j, other in enumerate(shown) if j != i])
        if len(one):
            table[i]["near.box"] = min(np.abs(boxes - box).max(axis=1).min() for box in one[:, :4])


def interval(truth, scores, level):
    """Of the AUC, by resampling tasks."""
    random_numbers = np.random.default_rng(1)
    values = []
    while len(values) < RESAMPLES:
        drawn = random_numbers.integers(len(truth), size=len(truth))
        if 0 < truth[drawn].sum() < len(drawn):
            values.append(roc_auc_score(truth[drawn], scores[drawn]))
    return np.quantile(values, [(1 - level) / 2, (1 + level) / 2])


def judge(truth, table, names):
    """How well each classifier tells the tasks apart that it hasn't seen."""
    folds = StratifiedKFold(5, shuffle=True, random_state=1)
    found = False
    for name, model in (
        ("logistic", make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=5000))),
        ("forest", RandomForestClassifier(500, min_samples_leaf=3, random_state=1, n_jobs=2)),
    ):
        scores = cross_val_predict(model, table, truth, cv=folds, method="predict_proba")[:, 1]
        auc = roc_auc_score(truth, scores)
        low, high = interval(truth, scores, 0.95)
        least, _ = interval(truth, scores, 0.998)
        found = found or least > 0.5
        print(f"{name}: AUC {auc:.3f}, 95 % interval {low:.3f} to {high:.3f}", flush=True)
    alone = []
    for column, feature in enumerate(names):
        auc = roc_auc_score(truth, table[:, column])
        alone.append((abs(auc - 0.5), feature, auc))
    print("alone:", ", ".join(f"{feature} {auc:.2f}" for _, feature, auc in sorted(alone)[:-9:-1]))
    return found


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", type=int, default=260)
    parser.add_argument("--iterations", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    with Deployment() as deployment:
        prepare(deployment, args.iterations, args.seed)
        seen = work(JsonApi(deployment, "annotator", "ann"), args.tasks, args.seed)
        planted = [deployment.json("provenance", "image", image)["revisions"][-1]["standing"] == "planted"
                   for image, _ in seen]
    names = sorted({name for _, features in seen for name in features})
    table = np.array([[features.get(name, 0.0) for name in names] for _, features in seen])
    truth = np.array(planted, dtype=int)
    print(f"{len(truth)} assisted tasks, {truth.sum()} of them planted, {len(names)} features", flush=True)
    assert truth.sum() >= 25, "too few tasks were planted to judge"
    assert any(name.startswith("task.predictions[]") for name in names), "no task showed boxes"
    if judge(truth, table, names):
        sys.exit("planted tasks can be told from ordinary ones")


if __name__ == "__main__":
    main()
