#!/usr/bin/python3
"""One box, walked from the prediction that it was made from, through two corrections, into a snapshot, a
model and what that model predicts: by RPC, by command and by SQL, and all agree."""
import csv
import json
import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from lineage import CORNERS, Parts  # noqa: E402
from loupe_programs import Deployment  # noqa: E402


def corners(box):
    """Of a box of the API (which leaves out what is 0)."""
    return [float(box.get(name, 0)) for name in ("x1", "y1", "x2", "y2")]


def outcome(shown):
    return shown["outcome"].removeprefix("OUTCOME_").lower()


class BoxWalkTest(unittest.TestCase):
    def setUp(self):
        self.deployment = Deployment()
        self.addCleanup(self.deployment.__exit__)
        self.parts = Parts(self.deployment)

    def sql(self, query):
        return [row.split("|") for row in self.deployment.psql(query).splitlines()]

    def rpc(self, method, **request):
        return self.parts.ask("admin", f"ProvenanceService/{method}", project="parts", **request)

    def change(self, person, image_id, box_id, label=None, wider=0):
        """A further answer of this person, in which one box is other."""
        task = self.parts.call(person, "OpenTask", project="parts", image_id=image_id)
        boxes = []
        for box in task["boxes"]:
            same = {"box": box["box"], "label": box["label"], "box_id": box["boxId"]}
            if int(box["boxId"]) == box_id:
                same["box"] = {**box["box"], "x2": box["box"]["x2"] + wider}
                same["label"] = label or box["label"]
            boxes.append(same)
        return self.parts.submit(person, task, {"boxes": boxes})

    def test_a_box_is_walked(self):
        parts = self.parts
        parts.round("")
        parts.annotate("anna", 1)
        answer = next(one for one in parts.of("anna") if one["shown"])
        image_id = answer["image_id"]
        history = self.deployment.json("provenance", "image", str(image_id), "--project", "parts")
        box_id = history["revisions"][0]["boxes"][0]["box_id"]
        self.change("anna", image_id, box_id, wider=6)
        self.change("admin", image_id, box_id, label=2)
        parts.round("round-1")
        parts.annotate("dora", 1)

        told = self.rpc("GetBoxProvenance", box_id=box_id)
        x1, y1, x2, y2 = CORNERS[0]
        moved = [x1, y1, x2 + 6, y2]
        walked = [[1, "anna", "dent", CORNERS[0]], [2, "anna", "dent", moved], [3, "admin", "scratch", moved]]

        with self.subTest("from the prediction through two corrections"):
            classes = {1: "dent", 2: "scratch"}
            self.assertEqual([[r["revision"]["number"], r["revision"]["author"], classes[r["box"]["label"]],
                               corners(r["box"]["box"])] for r in told["revisions"]],
                             [[*rest, list(map(float, at))] for *rest, at in walked])
            by_command = self.deployment.json("provenance", "box", str(box_id), "--project", "parts")
            self.assertEqual([[r["number"], r["author"], r["box"]["class"], r["box"]["box"]]
                              for r in by_command["revisions"]],
                             [[r["revision"]["number"], r["revision"]["author"], classes[r["box"]["label"]],
                               corners(r["box"]["box"])] for r in told["revisions"]])
            self.assertEqual(self.sql("SELECT revision, reviewer, class, x1, y1, x2, y2 "
                                      "FROM provenance.revision_box WHERE project = 'parts' "
                                      f"AND box_id = {box_id} ORDER BY revision"),
                             [[str(number), who, what, *map(str, at)] for number, who, what, at in walked])

        with self.subTest("what its first reviewer was shown"):
            source = told["revisions"][0]["source"]
            self.assertEqual((source["model"], source["box"]["score"], outcome(source),
                              corners(source["box"]["box"])),
                             (1, 0.875, "accepted", list(map(float, CORNERS[0]))))
            made_from = by_command["revisions"][0]["made_from"]
            self.assertEqual([made_from[key] for key in ("model", "score", "outcome", "iou")],
                             [1, 0.875, "accepted", 1])
            found, = (box for box in self.rpc("QueryBoxes", filter={"model": "1"})["boxes"]
                      if int(box["box"]["boxId"]) == box_id)
            queried, = (box for box in map(json.loads, parts.loupe(
                "provenance", "query", "--model", "1", "--json").splitlines()) if box["box_id"] == box_id)
            viewed, = self.sql("SELECT box.reviewer, box.class, box.origin, made.model, made.score, "
                               "made.outcome, round(made.iou::numeric, 6) FROM provenance.box "
                               "JOIN provenance.box_from_prediction made USING (project, box_id) "
                               f"WHERE project = 'parts' AND box_id = {box_id}")
            self.assertEqual([found["reviewer"], found["source"]["model"], found["source"]["box"]["score"],
                              outcome(found["source"]), found["madeBy"], found["box"]["origin"]],
                             ["admin", 1, 0.875, "accepted", "anna", viewed[2].upper()])
            self.assertEqual([queried["reviewer"], queried["class"], queried["origin"], str(queried["model"]),
                              str(queried["score"]), queried["outcome"], f"{queried['iou']:.6f}"], viewed)
            saved = self.deployment.path("boxes.csv")
            parts.loupe("export", "--format", "csv", "--out", saved, "--model", "1")
            with open(saved, encoding="utf-8", newline="") as file:
                exported, = (row for row in csv.DictReader(file) if row["box_id"] == str(box_id))
            self.assertEqual([exported[key] for key in ("reviewer", "class", "origin", "model", "outcome")],
                             [viewed[i] for i in (0, 1, 2, 3, 5)])

        with self.subTest("into a snapshot and a model"):
            self.assertEqual((told["trainedModels"], by_command["trained_models"]), ([2], [2]))
            revision = told["revisions"][-1]["revision"]["revisionId"]
            self.assertEqual(self.sql("SELECT round, model FROM provenance.trained_on "
                                      f"WHERE project = 'parts' AND revision_id = {revision}"), [["2", "2"]])
            self.assertEqual(self.rpc("GetImageProvenance", image_id=image_id)["trainedInRounds"], [2])
            model = self.rpc("GetModelProvenance", model="2")
            self.assertIn("admin", [author["author"] for author in model["authors"]])
            self.assertEqual(model["ancestors"], [1])
            self.assertEqual(self.sql("SELECT ancestor FROM provenance.model_ancestor "
                                      "WHERE project = 'parts' AND model = 2 AND ancestor <> 2"), [["1"]])

        with self.subTest("to what the next model predicts"):
            image = next(one for one in parts.of("dora") if one["shown"])["image_id"]
            shown = self.rpc("GetImageProvenance", image_id=image)["revisions"][0]
            by_command = self.deployment.json("provenance", "image", str(image), "--project", "parts")
            self.assertEqual(shown["shownModel"], 2)
            self.assertEqual([(one["box"]["score"], outcome(one)) for one in shown["shownBoxes"]],
                             [(one["score"], one["outcome"])
                              for one in by_command["revisions"][0]["shown_boxes"]])
            self.assertEqual([[f"{one['box']['score']:g}", outcome(one), "2"]
                              for one in shown["shownBoxes"]],
                             self.sql("SELECT score, outcome, model FROM provenance.shown_box "
                                      f"WHERE project = 'parts' AND image_id = {image} ORDER BY score DESC"))

        with self.subTest("and the events tell it as it went"):
            lines = map(json.loads, parts.loupe("provenance", "watch", "--from-start", "--until-now",
                                                "--json").splitlines())
            events = [line for line in lines if line.get("image_id") == image_id
                      and line["kind"] == "revision_added"]
            self.assertEqual([(event["revision"], event["author"]) for event in events],
                             [(1, "anna"), (2, "anna"), (3, "admin")])
            changes = [change for event in events for change in event["boxes"]
                       if (change.get("before") or change["after"])["box_id"] == box_id]
            self.assertEqual([(change["before"]["class"] if change.get("before") else None,
                               change["after"]["class"], change["after"]["box"]) for change in changes],
                             [(None, "dent", list(map(float, CORNERS[0]))), ("dent", "dent", moved),
                              ("dent", "scratch", moved)])


if __name__ == "__main__":
    unittest.main()
