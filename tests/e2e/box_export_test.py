#!/usr/bin/python3
"""Boxes of the truth by where they come from: the command's query, the exports and SQL tell the same ones."""
import collections
import csv
import functools
import json
import os
import sys
import types
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from lineage import Lineage  # noqa: E402
from loupe_programs import Deployment, program, read_json, run  # noqa: E402

# A box of the truth as the views have it, in the order of the export's columns.
VIEW = """
SELECT box.image_id, box.file_name, box.class, box.x1, box.y1, box.x2, box.y2, box.ignore::text, box.box_id,
       box.origin, box.revision, box.reviewer, box.created_at, box.slice, box.blind::text, box.client,
       box.image_spent_ms, box.spent_ms, box.made_by, box.made_at, made.model, made.score, made.outcome,
       made.iou, made.predicted_class, made.predicted_x1, made.predicted_y1,
       made.predicted_x2, made.predicted_y2
FROM provenance.box
LEFT JOIN provenance.box_from_prediction made
  ON made.project = box.project AND made.image_id = box.image_id AND made.box_id = box.box_id
WHERE box.project = 'parts' AND box.image_state = 'usable' AND {}
ORDER BY box.image_id, box.box_id
"""

# Options of the command, and the condition in SQL that says the same.
CONDITIONS = {
    ("--reviewer", "ben"): "box.reviewer = 'ben'",
    ("--origin", "drawn", "--origin", "relabelled"): "box.origin IN ('drawn', 'relabelled')",
    ("--outcome", "accepted_at_once"): "made.outcome = 'accepted_at_once'",
    ("--slice", "uncertain"): "box.slice = 'uncertain'",
    ("--class", "scratch"): "box.class = 'scratch'",
    ("--model", "1"): "made.model = 1",
    ("--model", "round-2"): "made.model_name = 'round-2'",
    ("--min-score", "0.5", "--max-score", "0.8"): "made.score BETWEEN 0.5 AND 0.8",
    ("--side", "holdout"): "box.side = 'holdout'",
    ("--reviewer", "anna", "--class", "dent", "--max-score", "0.5"):
        "box.reviewer = 'anna' AND box.class = 'dent' AND made.score <= 0.5",
    ("--reviewer", "carl"): "box.reviewer = 'carl'",  # all withdrawn, but for what he drew
}


def setUpModule():
    global deployment, lineage
    deployment = Deployment()
    unittest.addModuleCleanup(deployment.__exit__)
    lineage = Lineage(deployment)


def of_sql(condition="true"):
    return [dict(zip(columns(), row)) for row in csv.reader(
        deployment.psql(VIEW.format(condition), "--csv").splitlines())]


@functools.cache
def columns():
    with open(export("csv"), encoding="utf-8", newline="") as file:
        return next(csv.reader(file))


def export(form, *options):
    out = deployment.path(f"boxes.{form}")
    deployment.loupe("export", "--format", form, "--out", out, "--project", "parts", *options)
    return out


def query(*options):
    return deployment.loupe("provenance", "query", "--project", "parts", *options)


def of_csv(*options):
    with open(export("csv", *options), encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def flat(box):
    """An object of JSON as a row of the table."""
    row = {}
    for name, value in box.items():
        if isinstance(value, list):
            corners = ("x1", "y1", "x2", "y2")
            prefix = name.removesuffix("box")
            row.update({prefix + corner: number for corner, number in zip(corners, value)})
        else:
            row[name] = str(value).lower() if isinstance(value, bool) else value
    return {name: "" if row.get(name) is None else str(row[name]) for name in columns()}


def of_lines(text):
    return [flat(json.loads(line)) for line in text.splitlines()]


def comparable(rows):
    """In order of box. Times and numbers as such, and not as they are written."""
    rows.sort(key=lambda row: int(row["box_id"]))
    for row in rows:
        for name, value in row.items():
            if name.endswith("_at"):
                moment = value.replace(" ", "T").removesuffix("Z").removesuffix("+00")
                seconds, _, rest = moment.partition(".")
                row[name] = (seconds, rest.rstrip("0"))
            elif name not in ("file_name", "class", "predicted_class") and value.replace(".", "").isdigit():
                row[name] = float(value)
    return rows


class EveryWayTest(unittest.TestCase):
    maxDiff = None

    def assert_all_tell(self, options, condition):
        expected = comparable(of_sql(condition))
        self.assertEqual(comparable(of_csv(*options)), expected)
        with open(export("jsonl", *options), encoding="utf-8") as file:
            self.assertEqual(comparable(of_lines(file.read())), expected)
        self.assertEqual(comparable(of_lines(query("--json", "--limit", "10000", *options))), expected)
        return expected

    def test_all_boxes(self):
        boxes = self.assert_all_tell((), "true")
        self.assertGreater(len([box for box in boxes if box["model"]]), 10)
        corrected = next(box for box in boxes if box["box_id"] == lineage.corrected["moved"])
        self.assertEqual([corrected[name] for name in ("revision", "origin", "outcome", "score", "iou")],
                         [2, "adjusted", "accepted", 0.4375, 0.8])

    def test_each_condition(self):
        total = len(of_sql())
        for options, condition in CONDITIONS.items():
            with self.subTest(options):
                found = self.assert_all_tell(options, condition)
                self.assertLess(len(found), total)
        self.assertGreater(len(of_csv("--reviewer", "ben")), 0)

    def test_a_time(self):
        times = sorted({box["created_at"] for box in of_sql()})
        middle = times[len(times) // 2]
        moment = middle.replace(" ", "T").replace("+00", "Z")
        for option, relation in (("--from", ">="), ("--to", "<")):
            with self.subTest(option):
                found = self.assert_all_tell((option, moment), f"box.created_at {relation} '{middle}'")
                self.assertTrue(found)
        today = times[0][:10]
        self.assertEqual(len(of_csv("--to", today)), len(of_sql(f"box.created_at::date <= '{today}'")))

    def test_what_matches_nothing_is_an_empty_answer(self):
        nothing = ("--origin", "copied")
        self.assertEqual(self.assert_all_tell(nothing, "false"), [])
        self.assertEqual(query(*nothing), "no box matches\n")
        folder = deployment.path("nothing")
        deployment.loupe("export", "--format", "coco", "--out", folder, "--project", "parts", *nothing)
        coco = read_json(os.path.join(folder, "annotations.json"))
        self.assertEqual((coco["images"], coco["annotations"], len(coco["categories"])), ([], [], 2))

    def test_a_table_for_people(self):
        table = query("--reviewer", "ben", "--limit", "3")
        self.assertEqual(len(table.splitlines()), 4)
        self.assertIn("accepted_at_once, model", table)


def coco_reader():
    """torchvision's, over pycocotools or, where that isn't, over an index that is made as its own."""
    try:
        import pycocotools.coco  # noqa: F401
    except ImportError:
        class COCO:
            def __init__(self, annotation_file):
                file = read_json(annotation_file)
                self.imgs = {image["id"]: image for image in file["images"]}
                self.anns = {annotation["id"]: annotation for annotation in file["annotations"]}
                self.imgToAnns = collections.defaultdict(list)
                for annotation in file["annotations"]:
                    self.imgToAnns[annotation["image_id"]].append(annotation)

            def getAnnIds(self, image):
                return [annotation["id"] for annotation in self.imgToAnns[image]]

            def loadAnns(self, ids):
                return [self.anns[annotation] for annotation in ids]

            def loadImgs(self, image):
                return [self.imgs[image]]

        sys.modules["pycocotools"] = types.ModuleType("pycocotools")
        sys.modules["pycocotools.coco"] = types.ModuleType("pycocotools.coco")
        sys.modules["pycocotools.coco"].COCO = COCO
    from torchvision.datasets import CocoDetection
    return CocoDetection


class CocoTest(unittest.TestCase):
    maxDiff = None

    def coco(self, name, *options):
        folder = deployment.path(name)
        deployment.loupe("export", "--format", "coco", "--out", folder, "--project", "parts", *options)
        return folder, coco_reader()(os.path.join(folder, "images"), os.path.join(folder, "annotations.json"))

    def test_torchvision_reads_the_same_boxes(self):
        _, read = self.coco("coco", "--lineage")
        names = {image["id"]: image["file_name"] for image in read.coco.imgs.values()}
        classes = {1: "dent", 2: "scratch"}
        boxes = []
        for picture, annotations in read:
            self.assertEqual(picture.size, (128, 128))
            for one in annotations:
                x, y, width, height = one["bbox"]
                boxes.append((one["box_id"], names[one["image_id"]], classes[one["category_id"]],
                              x, y, x + width, y + height))
                self.assertEqual(one["id"], one["box_id"])
        self.assertEqual(sorted(boxes), sorted(
            (int(box["box_id"]), box["file_name"], box["class"],
             *(float(box[corner]) for corner in ("x1", "y1", "x2", "y2"))) for box in of_sql()))

    def test_annotations_tell_their_lineage(self):
        _, read = self.coco("coco", "--lineage")
        told = {one["box_id"]: one for one in read.coco.anns.values()}
        with open(export("jsonl"), encoding="utf-8") as file:
            for line in file:
                box = json.loads(line)
                one = told[box["box_id"]]
                for name, value in box.items():
                    if name not in ("image_id", "file_name", "class", "box", "ignore"):
                        self.assertEqual(one[name], value, name)

    def test_without_lineage_an_annotation_is_cocos_alone(self):
        folder, read = self.coco("plain")
        self.assertEqual({key for one in read.coco.anns.values() for key in one},
                         {"id", "image_id", "category_id", "bbox", "area", "iscrowd"})
        deployment.loupe("project", "create", "again", "--classes", "dent,scratch")
        deployment.loupe("import", "--images", os.path.join(folder, "images"), "--coco",
                         os.path.join(folder, "annotations.json"), "--labelled", "all", "--project", "again")
        self.assertEqual(deployment.json("status", "--project", "again")["labelled"], len(read))

    def test_a_filter_takes_images_with_a_box_that_matches(self):
        folder, read = self.coco("ben", "--reviewer", "ben", "--origin", "relabelled")
        expected = of_sql("box.reviewer = 'ben' AND box.origin = 'relabelled'")
        self.assertTrue(expected)
        self.assertEqual(sorted(image["file_name"] for image in read.coco.imgs.values()),
                         sorted({box["file_name"] for box in expected}))
        self.assertEqual(len(read.coco.anns), len(expected))
        self.assertEqual(sorted(os.listdir(os.path.join(folder, "images"))),
                         sorted({box["file_name"] for box in expected}))


class BadInputTest(unittest.TestCase):
    def refused(self, code, *arguments):
        ended = run(program("loupe"), *arguments, "--project", "parts", "--dir", deployment.server_directory,
                    check=False)
        self.assertEqual(ended.returncode, code, ended.stderr)
        self.assertEqual(ended.stdout, "")
        return ended.stderr

    def test_what_is_wrong_is_said(self):
        for options, code, text in (
                (("--reviewer", "nobody"), 1, "[NO_SUCH_REVIEWER]"),
                (("--class", "hole"), 1, "[NO_SUCH_CLASS]"),
                (("--model", "9"), 1, "[NO_SUCH_MODEL]"),
                (("--min-score", "0.5", "--max-score", "0.4"), 1, "min_score must not be above max_score"),
                (("--min-score", "2"), 1, "within 0 and 1"),
                (("--from", "2026-11-02", "--to", "2026-11-01"), 1, "from must be before to"),
                (("--from", "yesterday"), 2, "--from yesterday is no time"),
                (("--origin", "guessed"), 2, "guessed not in"),
                (("--outcome", "rejected"), 2, "rejected not in"),
                (("--slice", "best"), 2, "best not in")):
            for command in (("provenance", "query"),
                            ("export", "--format", "csv", "--out", deployment.path("x.csv"))):
                with self.subTest(options, command=command):
                    self.assertIn(text, self.refused(code, *command, *options))
        self.assertFalse(os.path.exists(deployment.path("x.csv")))
        self.assertIn("--limit", self.refused(2, "provenance", "query", "--limit", "0"))

    def test_a_file_that_cannot_be_written(self):
        self.assertIn("nowhere", self.refused(1, "export", "--format", "csv", "--out",
                                              deployment.path("nowhere", "x.csv")))

    def test_a_file_is_replaced_whole_or_stays(self):
        out = export("csv")
        with open(out, encoding="utf-8") as file:
            before = file.read()
        self.refused(1, "export", "--format", "csv", "--out", out, "--reviewer", "nobody")
        with open(out, encoding="utf-8") as file:
            self.assertEqual(file.read(), before)

    def test_names_are_quoted(self):
        """Commas, quotes and letters beyond ASCII in a class's and a person's name come back as they were."""
        name = 'a "deep", wide scratch – schräg'
        deployment.loupe("class", "rename", "scratch", name, "--project", "parts")
        self.addCleanup(deployment.loupe, "class", "rename", name, "scratch", "--project", "parts")
        boxes = of_csv("--class", name)
        self.assertTrue(boxes)
        self.assertEqual({box["class"] for box in boxes}, {name})


if __name__ == "__main__":
    unittest.main(verbosity=2)
