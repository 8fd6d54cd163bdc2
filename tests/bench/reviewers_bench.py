"""Which reviewers the alarms find, over the real RPCs: 20 of each kind accept a wrong shown box with
probability 0, 0.1, 0.3 or 0.5, and overlook a thing that isn't shown with the same. Boxes are made up; a
model's are the true ones, moved a little, with a fifth of them missing and one wrong box for three right
ones. Errors are planted in a fifth of the assisted tasks; a third of the tasks are of the random slice,
half of those blind. Each person answers until 12 planted tasks are answered.

Printed: the share of each kind about whom there is an alarm, and by which. Aim: at least 90 % at 0.5, at most
5 % at 0 and at 0.1 (the mean of 20 has a deviation of 5 points there).
"""
import argparse
import json
import os
import random
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from json_api import JsonApi  # noqa: E402
from loupe_programs import Deployment  # noqa: E402

SIDE = 256  # of a picture, in pixels
CLASSES = 3
LABELLED = 600
PROBABILITIES = (0, 0.1, 0.3, 0.5)
TASKS = 200  # at most, of one person
PLANTED = 12
THREADS = 8

FILL = """
INSERT INTO image (project_id, sha256, file_name, width, height, size_bytes, media_type, sampling_key, side)
SELECT project.id, sha256(('picture ' || n)::bytea), 'picture-' || n || '.png', {side}, {side}, 1000,
       'image/png', random(), 'pool'
FROM project, generate_series(1, {count}) n ORDER BY n;
INSERT INTO model (project_id, number, name, preset, state, weights_sha256, weights_bytes)
SELECT id, 1, 'made-up', 'small', 'serving', sha256('weights'), 7 FROM project;
UPDATE ranking SET state = 'retired';
INSERT INTO ranking (project_id, generation, model_id, strategy, seed, state, activated_at)
SELECT project_id, 1, id, 'entropy', 1, 'active', now() FROM model;
INSERT INTO ranking_entry (ranking_id, position, image_id, image_side, slice, score, probability, blind)
SELECT ranking.id, row_number() OVER (ORDER BY image.id) - 1, image.id, 'pool',
       CASE WHEN image.id % 3 = 0 THEN 'random' ELSE 'uncertain' END, 0.5,
       CASE WHEN image.id % 3 = 0 THEN 0.5 END, image.id % 6 = 0
FROM image, ranking WHERE ranking.state = 'active' AND image.id % {every} <> 0;
"""
TRUTH = """SELECT append_revision({image}, 'import', (SELECT min(id) FROM principal), NULL, true, false, 0,
  NULL, '', '', '{{}}', '{{{corners}}}', '{{{labels}}}', array_fill('imported'::text, ARRAY[{n}]),
  array_fill(false, ARRAY[{n}]), array_fill(-1, ARRAY[{n}]), array_fill(0::bigint, ARRAY[{n}]),
  array_fill(-1, ARRAY[{n}]), '{{}}');"""
PREDICTION = """INSERT INTO prediction (model_id, image_id, corners, labels, scores, runner_up_labels,
  runner_up_scores, background_scores, agreements, embedding, max_foreground_score)
SELECT id, {image}, '{{{corners}}}', '{{{labels}}}', '{{{scores}}}', array_fill(1, ARRAY[{n}]),
       array_fill(0::real, ARRAY[{n}]), array_fill(0::real, ARRAY[{n}]), '{{}}', '', 0.9 FROM model;"""


def made_up(draw):
    """The true boxes of a picture, in different quarters of it: (corners, label)."""
    boxes = []
    for quarter in draw.sample(range(4), draw.randint(1, 4)):
        width, height = draw.uniform(20, 60), draw.uniform(20, 60)
        x = SIDE / 2 * (quarter % 2) + draw.uniform(2, SIDE / 2 - 64)
        y = SIDE / 2 * (quarter // 2) + draw.uniform(2, SIDE / 2 - 64)
        boxes.append(([x, y, x + width, y + height], draw.randint(1, CLASSES)))
    return boxes


def predicted(draw, truth):
    """What the model sees: (corners, label, score), best score first."""
    boxes = []
    for corners, label in truth:
        if draw.random() < 0.2:
            continue
        moved = [min(max(side + draw.gauss(0, 1.5), 0.0), float(SIDE)) for side in corners]
        boxes.append((moved, label, draw.uniform(0.4, 0.99)))
        if draw.random() < 1 / 3:
            (x1, y1, x2, y2), other = draw.choice(made_up(draw))
            boxes.append(([x1, y1, x2, y2], other, draw.uniform(0.3, 0.7)))
    return sorted(boxes, key=lambda box: -box[2])


def iou(one, other):
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    if width <= 0 or height <= 0:
        return 0
    area = lambda box: (box[2] - box[0]) * (box[3] - box[1])  # noqa: E731
    return width * height / (area(one) + area(other) - width * height)


def listed(values):
    return ",".join(f"{value:.3f}" if isinstance(value, float) else str(value) for value in values)


def fill(deployment, count, draw):
    """Returns the truth of each picture. Every fourth or so is labelled already."""
    every = count // LABELLED
    deployment.psql(FILL.format(side=SIDE, count=count, every=every))
    truths, statements = {}, []
    for image in range(1, count + 1):
        truth = truths[image] = made_up(draw)
        if image % every == 0:
            corners = listed(side for box, _ in truth for side in box)
            statements.append(TRUTH.format(image=image, corners=corners, n=len(truth),
                                           labels=listed(label for _, label in truth)))
            continue
        boxes = predicted(draw, truth)
        statements.append(PREDICTION.format(
            image=image, n=len(boxes), corners=listed(side for box, _, _ in boxes for side in box),
            labels=listed(label for _, label, _ in boxes), scores=listed(score for _, _, score in boxes)))
    deployment.psql("BEGIN;" + "\n".join(statements) + "COMMIT;")
    return truths


class Reviewer(threading.Thread):
    """Answers as a person does who errs with this probability."""

    turns = threading.Semaphore(THREADS)

    def __init__(self, deployment, name, probability, truths, is_done):
        super().__init__()
        self.name, self.probability, self.truths, self.is_done = name, probability, truths, is_done
        self.api = JsonApi(deployment, "annotator", name)
        self.draw = random.Random(name)

    def run(self):
        with self.turns:
            for place in range(TASKS):
                task = self.api.change("LabelingService/NextTasks", project="bench", count=1)["tasks"][0]
                self.api.change("LabelingService/Submit", **self.answer(task))
                if place % 10 == 9 and self.is_done(self.name):
                    return

    def errs(self):
        return self.draw.random() < self.probability

    def answer(self, task):
        truth = list(self.truths[int(task["image"]["id"])])
        boxes = []
        for shown in task.get("predictions", []):
            corners = [shown["box"].get(side, 0) for side in ("x1", "y1", "x2", "y2")]
            same = [one for one in truth if one[1] == shown["label"] and iou(one[0], corners) >= 0.5]
            if same:
                truth.remove(same[0])
            if same or self.errs():
                boxes.append({"box": shown["box"], "label": shown["label"],
                              "predictedIndex": shown.get("index", 0)})
        for corners, label in truth:
            if task.get("blind") or not self.errs():
                x1, y1, x2, y2 = corners
                boxes.append({"box": {"x1": x1, "y1": y1, "x2": x2, "y2": y2}, "label": label})
        spent = 1000 * self.draw.randint(4, 20)
        return {"taskId": task["taskId"], "lease": task["lease"], "boxes": boxes, "spentMs": spent}


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="4 of each kind")
    of_each = 4 if parser.parse_args().quick else 20
    count = LABELLED * (4 if of_each == 4 else 15)
    with Deployment() as deployment:
        classes = ",".join(f"c{label}" for label in range(1, CLASSES + 1))
        deployment.loupe("project", "create", "bench", "--classes", classes, "--seed", "1",
                         "--holdout-fraction", "0")
        truths = fill(deployment, count, random.Random(1))
        deployment.loupe("project", "quality-control", "--planted", "0.2")

        def is_done(name):
            return PLANTED <= int(deployment.psql(
                "SELECT count(*) FROM task JOIN principal ON principal.id = principal_id "
                f"WHERE name = '{name}' AND kind = 'planted' AND state = 'answered'"))

        kinds = {}
        reviewers = []
        for probability in PROBABILITIES:
            for number in range(of_each):
                name = f"errs-{probability}-{number}"
                kinds[name] = probability
                reviewers.append(Reviewer(deployment, name, probability, truths, is_done))
        random.Random(1).shuffle(reviewers)
        for reviewer in reviewers:
            reviewer.start()
        for reviewer in reviewers:
            reviewer.join()
        report = {one["reviewer"]: one for one in deployment.json("quality")["reviewers"]}
    figures = []
    print(f"{'errs with':12}{'people':>8}{'found':>8}  by")
    for probability in PROBABILITIES:
        people = [report[name] for name, kind in kinds.items() if kind == probability]
        assert all(one["planted"] == PLANTED for one in people), "too few tasks were planted"
        by = {}
        for one in people:
            for alarm in one["alarms"]:
                by[alarm["kind"]] = by.get(alarm["kind"], 0) + 1
        found = sum(bool(one["alarms"]) for one in people) / len(people)
        figures.append({"probability": probability, "people": len(people), "found": found, "by": by})
        print(f"{probability:<12}{len(people):>8}{found:>8.0%}  {by}")
    print(json.dumps({"benchmark": "reviewers", "kinds": figures}))


if __name__ == "__main__":
    main()
