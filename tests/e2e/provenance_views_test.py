#!/usr/bin/python3
"""The views of the schema provenance, read as a dashboard reads them: the questions of docs/provenance.md,
the panels of deploy/grafana/labels.json, and who may read what."""
import collections
import csv
import json
import os
import re
import subprocess
import sys
import unittest

import yaml

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from lineage import OUTCOMES, Lineage  # noqa: E402
from loupe_programs import SOURCE, Deployment, read_json  # noqa: E402

DOC = os.path.join(SOURCE, "docs", "provenance.md")
GRAFANA = os.path.join(SOURCE, "deploy", "grafana")

# 20,000 answers of 200 people to tasks of 100 models in 100 days, each with four boxes made of five.
MANY_BOXES = """
SET LOCAL session_replication_role = replica;
INSERT INTO principal (name, role, token_hash)
SELECT 'person-' || n, 'annotator', sha256(n::text::bytea) FROM generate_series(0, 199) n;
INSERT INTO model (id, project_id, number, name, preset, state, round_id, weights_sha256, weights_bytes)
OVERRIDING SYSTEM VALUE
SELECT n, 1, n, n, 'small', 'retired', n, sha256('w'), 1 FROM generate_series(1000, 1099) n;
INSERT INTO round (id, project_id, number, state, recipe, snapshot_id, submitted_by, model_id, ended_at)
OVERRIDING SYSTEM VALUE
SELECT id, 1, id, 'done', '', id, 1, id, now() FROM model WHERE id >= 1000;
CREATE TEMP TABLE answered ON COMMIT DROP AS
SELECT n AS id, 1000 + n / 201 AS model, now() - interval '100 days' * (21000 - n) / 20000 AS at,
       (SELECT min(id) FROM principal WHERE name = 'person-0') + n % 200 AS person
FROM generate_series(1000, 20999) n;
INSERT INTO image (id, project_id, sha256, file_name, width, height, size_bytes, media_type, sampling_key,
                   side, truth_revision_id)
OVERRIDING SYSTEM VALUE
SELECT id, 1, sha256(id::text::bytea), id || '.png', 64, 64, 1, 'image/png', 0.5, 'pool', id FROM answered;
INSERT INTO task (id, project_id, image_id, image_side, principal_id, lease_number, ranking_id, position,
                  slice, blind, shown_model_id, state, revision_id, created_at, ended_at)
OVERRIDING SYSTEM VALUE
SELECT id, 1, id, 'pool', person, id, 1, id, 'uncertain', false, model, 'answered', id, at, at FROM answered;
INSERT INTO label_revision (id, image_id, number, source, author_id, task_id, blind, late, spent_ms,
                            created_at, previous_hash, hash)
OVERRIDING SYSTEM VALUE
SELECT id, id, 1, 'task', person, id, false, false, 1, at, sha256('a'), sha256('b') FROM answered;
INSERT INTO shown_box
SELECT id, n, model, n, 1, 0, n, 1, n + 1, 0.5 FROM answered, generate_series(0, 4) n;
INSERT INTO label_box (revision_id, ordinal, box_id, label, x1, y1, x2, y2, origin, ignore, shown_ordinal)
SELECT id, n, id * 10000 + n, 1, 0, n, 1, n + 1, 'accepted', false, n FROM answered, generate_series(0, 3) n;
INSERT INTO outcome
SELECT id, n, CASE n WHEN 4 THEN 'dropped' ELSE 'accepted' END FROM answered, generate_series(0, 4) n;
INSERT INTO snapshot_item SELECT model, id, 'pool', id FROM answered;
ANALYZE;
"""


def read(*names):
    with open(os.path.join(*names), encoding="utf-8") as file:
        return file.read()


def setUpModule():
    global deployment, lineage, way_in, questions
    deployment = Deployment()
    unittest.addModuleCleanup(deployment.__exit__)
    lineage = Lineage(deployment)
    way_in, *questions = re.findall(r"^```sql\n(.*?)^```$", read(DOC), re.MULTILINE | re.DOTALL)
    reader = read(GRAFANA, "reader.sql")
    deployment.psql(reader)
    deployment.psql(way_in)
    deployment.psql(reader)  # twice does no harm


def rows(sql, *options):
    """As lists of texts, as the user of a dashboard."""
    return list(csv.reader(deployment.psql(sql, "--csv", *options, user="grafana").splitlines()))


def counted(things):
    return [[*key, str(number)] for key, number in sorted(collections.Counter(things).items())]


def plans_of(conditions):
    """Of counting a view's rows, with many boxes."""
    asked = [f"EXPLAIN (FORMAT JSON) SELECT count(*) FROM provenance.{view} "
             f"WHERE project = 'parts' AND {condition};"
             for view, condition, _ in conditions]
    text = deployment.psql("\n".join(["BEGIN;", MANY_BOXES, *asked, "ROLLBACK;"]))
    plans = re.findall(r"^\[$.*?^\]$", text, re.MULTILINE | re.DOTALL)
    return [json.loads(plan)[0]["Plan"] for plan in plans]


def assisted(reviewer):
    return [answer for answer in lineage.of(reviewer) if answer["shown"]]


def drawn_blind(reviewer):
    return len(lineage.of(reviewer)) - len(assisted(reviewer))


class DocTest(unittest.TestCase):
    """The answers follow from what lineage.py did."""

    def ask(self, number, expected, *options):
        sql = questions[number - 1]
        self.assertEqual(rows(sql, *options), expected, f"question {number} of docs/provenance.md:\n{sql}")

    def test_there_are_ten_questions(self):
        self.assertEqual(len(questions), 10)

    def test_1_boxes_accepted_with_a_low_score(self):
        # Of anna's first answer the box was moved since.
        self.ask(1, [[assisted("anna")[1]["file_name"], "dent", "0.4375", "anna"]])

    def test_2_boxes_by_reviewer_and_origin(self):
        boxes = [("admin", "imported")] * sum(len(names) for names in lineage.imported.values())
        boxes += [("anna", "accepted")] * 3 + [("anna", "adjusted")] * 2
        boxes += [("anna", "drawn")] * drawn_blind("anna")
        for _ in assisted("ben"):
            boxes += [("ben", "accepted")] * 2 + [("ben", "relabelled"), ("ben", "drawn")]
        boxes += [("ben", "drawn")] * drawn_blind("ben")
        self.ask(2, counted(boxes))

    def test_3_outcomes_by_reviewer(self):
        self.ask(3, counted((reviewer, outcome) for reviewer in ("anna", "ben", "carl")
                            for _ in assisted(reviewer) for outcome in OUTCOMES[reviewer]))

    def test_4_boxes_dropped(self):
        # Ben dropped the last box of two tasks of model 1, carl the second and the third of one.
        self.ask(4, [["4", "0.375", "0.75"]])

    def test_5_a_box_over_its_revisions(self):
        moved = ["1", "anna", "dent", "accepted", "10", "40", "30", "60", "f"]
        self.ask(5, [moved, ["2", "anna", "dent", "adjusted", "10", "40", "35", "60", "t"]],
                 "-v", f"box={lineage.corrected['moved']}")

    def test_6_how_far_boxes_were_moved(self):
        # A box of 20 x 20 was made 25 wide: 400 / 500.
        self.ask(6, [["dent", "1", "0.800"], ["scratch", "1", "0.800"]])

    def test_7_models_that_learned_from_a_reviewer(self):
        self.ask(7, [["2", "0"], ["3", "1"]])

    def test_8_what_was_taken_back(self):
        self.ask(8, [[answer["file_name"], "carl", "1", "admin", ""]
                     for answer in sorted(lineage.of("carl"), key=lambda answer: answer["file_name"])])

    def test_9_truth_that_changed_since(self):
        self.ask(9, [[lineage.corrected["file_name"], "1", "anna", "f"]])

    def test_10_models(self):
        models = sorted(deployment.json("model", "list", "--project", "parts")["models"],
                        key=lambda model: model["number"])
        self.assertEqual([model["evaluation"]["ap"] for model in models], [0.9] * 3, "so that 0 isn't right")
        self.ask(10, [[str(model["number"]), str(model.get("parent", "")), str(model["snapshot_images"]),
                       str(model["snapshot_boxes"]), str(model["evaluation"]["images"]),
                       f"{model['evaluation']['ap']:g}", f"{model['evaluation']['ap50']:g}",
                       model["gate"]["outcome"], str(model["withdrawn_labels"])] for model in models])


class ViewsTest(unittest.TestCase):
    def test_the_history_is_that_of_the_api(self):
        shown = deployment.json("provenance", "image", lineage.corrected["file_name"], "--project", "parts")
        of_api = [[str(r["number"]), r["source"], r["author"], str(len(r["boxes"])), r["hash"]]
                  for r in shown["revisions"]]
        self.assertEqual(rows("SELECT revision, source, reviewer, boxes, hash FROM provenance.revision "
                              f"WHERE image_id = {lineage.corrected['image_id']} ORDER BY revision"), of_api)
        boxes = [[str(b["box_id"]), b["origin"]] for b in shown["revisions"][-1]["boxes"]]
        self.assertEqual(rows("SELECT box_id, origin FROM provenance.box "
                              f"WHERE image_id = {lineage.corrected['image_id']} ORDER BY box_id"), boxes)

    def test_a_box_and_the_models_that_learned_from_it_are_those_of_the_api(self):
        """From the prediction of model 1 to models 2 and 3, by command and by SQL."""
        box = str(lineage.corrected["kept"])
        told = deployment.json("provenance", "box", box, "--project", "parts")
        self.assertTrue(told["in_truth"])
        made_from = told["revisions"][0]["made_from"]
        self.assertEqual([made_from[key] for key in ("model", "score", "outcome", "iou")],
                         [1, 0.875, "accepted", 1])
        self.assertEqual([[str(r["number"]), r["author"], r["box"]["class"], r["box"]["origin"]]
                          for r in told["revisions"]],
                         rows("SELECT revision, reviewer, class, origin FROM provenance.revision_box "
                              f"WHERE project = 'parts' AND box_id = {box} ORDER BY revision"))
        self.assertEqual(rows("SELECT model, score, outcome, iou FROM provenance.box_from_prediction "
                              f"WHERE project = 'parts' AND box_id = {box}"),
                         [["1", "0.875", "accepted", "1"]])
        revisions = ",".join(str(r["revision_id"]) for r in told["revisions"])
        learned = rows("SELECT DISTINCT line.model FROM provenance.model_ancestor line "
                       "JOIN provenance.trained_on trained ON trained.project = line.project "
                       "AND trained.model = line.ancestor "
                       f"WHERE trained.revision_id IN ({revisions}) ORDER BY line.model")
        self.assertEqual([[str(model)] for model in told["trained_models"]], learned)
        self.assertEqual(told["trained_models"], [2, 3])

    def test_what_a_model_learned_from_is_that_of_the_api(self):
        for number, ancestors, descendants in ((1, [], [2, 3]), (2, [1], [3]), (3, [2, 1], [])):
            with self.subTest(number):
                told = deployment.json("provenance", "model", str(number), "--project", "parts")
                self.assertEqual((told["ancestors"], told["descendants"]), (ancestors, descendants))
                authors = {a["author"]: [a["author"], str(a["images"]), str(a["boxes"])]
                           for a in told["authors"]}
                # Her image was removed since, so that the views are silent on it.
                self.assertEqual(authors.pop("dora", None), ["dora", "1", "1"] if number == 2 else None)
                self.assertEqual(
                    sorted(authors.values()),
                    rows("SELECT reviewer, count(*), sum(boxes) FROM provenance.trained_on "
                         f"WHERE project = 'parts' AND model = {number} GROUP BY reviewer ORDER BY reviewer"))
                self.assertEqual(sum(o["boxes"] for o in told["origins"]), told["model"]["snapshot_boxes"])

    def test_statistics_are_those_of_the_views(self):
        told = deployment.json("provenance", "stats", "--by", "hour", "--project", "parts")

        def counted_by(column, view, key, of="written"):
            where = "" if of == "written" else " AND is_truth"
            found = collections.defaultdict(dict)
            for name, kind, number in rows(f"SELECT {column}, {key}, count(*) FROM provenance.{view} "
                                           f"WHERE project = 'parts'{where} GROUP BY 1, 2"):
                found[name][kind] = int(number)
            return dict(found)

        hour = """to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:00:00"Z"')"""
        boxes = "revision_box"
        for of in ("written", "truth"):
            self.assertEqual({one["begins"]: one[of]["origins"] for one in told["periods"]
                              if one[of]["origins"]}, counted_by(hour, boxes, "origin", of))
            self.assertEqual({one["reviewer"]: one[of]["origins"] for one in told["reviewers"]
                              if one[of]["origins"]}, counted_by("reviewer", boxes, "origin", of))
            self.assertEqual({one["class"]: one[of] for one in told["classes"] if one[of]},
                             counted_by("class", boxes, "origin", of))
        self.assertEqual({one["reviewer"]: one["written"]["outcomes"] for one in told["reviewers"]
                          if one["written"]["outcomes"]}, counted_by("reviewer", "shown_box", "outcome"))
        self.assertNotIn("dora", [one["reviewer"] for one in told["reviewers"]], "her images were removed")
        spent = {one["reviewer"]: one["written"]["spent_ms"] for one in told["reviewers"]}
        self.assertEqual(spent["ben"], 3000 * len(lineage.of("ben")))
        text = lineage.loupe("provenance", "stats", "--from", "2000-01-01", "--to", "2100-01-01")
        for word in ("hours spent", "ben", "scratch", "accepted_at_once", "truth now"):
            self.assertIn(word, text)
        with self.assertRaisesRegex(AssertionError, "yesterday is no day: use 2026-11-29"):
            lineage.loupe("provenance", "stats", "--from", "yesterday")

    def test_a_withdrawal_is_undone_and_done_again(self):
        def marks():
            models = deployment.json("model", "list", "--project", "parts")["models"]
            views = rows("SELECT withdrawn_labels FROM provenance.model ORDER BY model DESC")
            self.assertEqual([[str(model["withdrawn_labels"])] for model in models], views)
            return [model["withdrawn_labels"] for model in models]

        carls = len(lineage.of("carl"))
        before = marks()
        self.assertGreater(before[0], 0)
        self.assertIn("learned from labels that were withdrawn since", lineage.loupe("curve"))
        one, = deployment.json("withdrawal", "list", "--project", "parts")["withdrawals"]
        self.assertEqual([one[key] for key in ("reviewer", "withdrawn_by", "revisions", "images")],
                         ["carl", "admin", carls, carls])
        self.assertEqual(rows("SELECT DISTINCT withdrawal FROM provenance.withdrawn_label"),
                         [[str(one["withdrawal"])]])
        dry = lineage.loupe("withdrawal", "undo", one["withdrawal"], "--dry-run")
        self.assertIn("would be restored", dry)
        self.assertEqual(marks(), before)
        undone = deployment.json("withdrawal", "undo", one["withdrawal"], "--project", "parts")
        self.assertEqual((undone["revisions"], undone["labelled_images"]), (carls, carls))
        self.assertEqual(marks(), [0, 0, 0])
        self.assertNotIn("withdrawn", lineage.loupe("curve"))
        self.assertEqual(rows("SELECT file_name FROM provenance.withdrawn_label"), [])
        history = lineage.loupe("provenance", "image", lineage.of("carl")[0]["file_name"])
        self.assertIn(f"gives back revision 1, by withdrawal {one['withdrawal']}", history)
        self.assertRegex(history, "revision 1: .*, the truth now\n")
        box, = rows("SELECT min(box_id) FROM provenance.box WHERE reviewer = 'carl'")[0]
        told = lineage.loupe("provenance", "box", box)
        self.assertRegex(told, "in the truth +yes")
        self.assertRegex(told, "revision 1: .*, the truth now\n")
        self.assertIn("carl", lineage.loupe("withdrawal", "list"))
        with self.assertRaisesRegex(AssertionError, "was undone already, by admin"):
            lineage.loupe("withdrawal", "undo", one["withdrawal"])
        again = deployment.json("withdraw", "--reviewer", "carl", "--project", "parts")
        self.assertEqual(again["revisions"], carls)
        told = lineage.loupe("provenance", "box", box)
        self.assertRegex(told, "in the truth +no: the image has no truth now")
        self.assertRegex(told, f"revision 1: .*, taken back by withdrawal {again['withdrawal']}\n")
        self.assertEqual(marks(), before)
        self.assertEqual(rows("SELECT withdrawal, labels, undone_by FROM provenance.withdrawal ORDER BY 1"),
                         [[str(one["withdrawal"]), str(carls), "admin"],
                          [str(again["withdrawal"]), str(carls), ""]])
        self.assertIn(" 0 breaks", lineage.loupe("provenance", "verify"))

    def test_images_removed_and_projects_deleted_appear_nowhere(self):
        removed = ",".join(str(answer["image_id"]) for answer in lineage.of("dora"))
        columns = collections.defaultdict(set)
        for view, column in rows("SELECT table_name, column_name FROM information_schema.columns "
                                 "WHERE table_schema = 'provenance'"):
            columns[view].add(column)
        self.assertGreater(len(columns), 10)
        for view, names in columns.items():
            with self.subTest(view):
                projects = {row[0] for row in rows(f"SELECT DISTINCT project FROM provenance.{view}")}
                self.assertLessEqual(projects, {"parts", "others"})
                self.assertTrue(view == "pseudo_label" or "parts" in projects, projects)
                if "image_id" in names:
                    found = rows(f"SELECT image_id FROM provenance.{view} WHERE image_id IN ({removed})")
                    self.assertEqual(found, [])
        history = lineage.loupe("provenance", "image", lineage.of("dora")[0]["image_id"])
        self.assertRegex(history, r"image +\d+ \(removed")
        images = str(len(lineage.of("dora")))
        self.assertEqual(rows("SELECT model, removed_images FROM provenance.model ORDER BY model"),
                         [["1", "0"], ["2", images], ["3", images]])

    def test_events(self):
        events = rows("SELECT kind, revision_id, author, state_before, state_after, model_before, model "
                      "FROM provenance.event WHERE project = 'parts' ORDER BY event_id")
        self.assertEqual([event[5:] for event in events if event[0] == "model_served"],
                         [["", "1"], ["1", "2"], ["2", "3"]])
        added = {int(event[1]): event[2] for event in events if event[0] == "revision_added"}
        for answer in lineage.answers:
            if answer["reviewer"] != "dora":  # her image was removed since
                self.assertEqual(added[answer["revision_id"]], answer["reviewer"])
        self.assertEqual([event for event in events if event[0] == "image_state_changed"], [])

    def test_each_view_and_column_has_a_comment(self):
        self.assertEqual(rows("SELECT relname, attname "
                              "FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid "
                              "WHERE relnamespace = 'provenance'::regnamespace AND attnum > 0 "
                              "AND (col_description(pg_class.oid, attnum) IS NULL "
                              "OR obj_description(pg_class.oid, 'pg_class') IS NULL)"), [])

    def test_numbers_of_a_message(self):
        # Fields 1: 300, 2: 0.1, 3: -1.5, 5: a text, 6: true, 7: 0.0 written out, 9: four bytes.
        message = ("08ac02" "119a9999999999b93f" "19000000000000f8bf" "2a03616263" "3001" "390000000000000000"
                   "4d31323334")
        self.assertEqual(rows(f"SELECT * FROM provenance.message_numbers('\\x{message}')"),
                         [["1", "300"], ["2", "0.1"], ["3", "-1.5"], ["6", "1"]])

    def test_conditions_reach_indexes(self):
        image = ("image_id = 1000", None)  # any: there are several
        box = ("box_id = 10000000", "label_box_identity")
        model = ("model = 1007", "shown_box_model")
        author, time = "label_revision_author", "label_revision_created_at"
        person, day = "{} = 'person-7'", "{} > now() - interval '1 day'"
        usual = [image, (person.format("reviewer"), author), (day.format("created_at"), time)]
        asked = {
            "revision": usual,
            "revision_box": [*usual, box],
            "box": [*usual, box],
            "box_from_prediction": [image, box, model, (person.format("answered_by"), author),
                                    (day.format("answered_at"), time)],
            "shown_box": [image, model, usual[-1]],
            "trained_on": usual,
        }
        explained = [(view, *condition) for view, conditions in asked.items() for condition in conditions]
        for (view, condition, index), plan in zip(explained, plans_of(explained), strict=True):
            with self.subTest(view, condition=condition):
                if index is None:
                    self.assertLess(plan["Total Cost"], 200)  # all of the smallest costs 1,700
                else:
                    self.assertIn(f'"Index Name": "{index}"', json.dumps(plan))

    def test_a_reader_reads_the_views_alone(self):
        self.assertEqual(rows("SELECT count(*) > 0 FROM provenance.box"), [["t"]])
        for statement in ("SELECT FROM principal", "SELECT FROM label_box", "DELETE FROM provenance.model",
                          "CREATE VIEW provenance.mine AS SELECT 1",
                          "SELECT withdraw_labels(1, 1, '{1}', 1)"):
            with self.subTest(statement), self.assertRaises(subprocess.CalledProcessError):
                rows(statement)

    def test_a_view_that_comes_later_is_readable(self):
        deployment.psql("CREATE VIEW provenance.later AS SELECT 1")
        self.addCleanup(deployment.psql, "DROP VIEW provenance.later")
        self.assertEqual(rows("SELECT * FROM provenance.later"), [["1"]])


def as_grafana_asks(sql):
    """With Grafana's macros and variables replaced as its PostgreSQL data source does (9 and 10)."""
    begins, ends = "2000-01-01T00:00:00Z", "2100-01-01T00:00:00Z"
    sql = sql.replace("${project:sqlstring}", "'parts'").replace("$__interval", "1d")
    sql = re.sub(r"\$__timeFilter\(([^)]*)\)", rf"\1 BETWEEN '{begins}' AND '{ends}'", sql)
    return re.sub(r"\$__timeGroupAlias\(([^,]*), 1d\)",
                  r'floor(extract(epoch from \1)/86400)*86400 AS "time"', sql)


class DashboardTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.dashboard = read_json(os.path.join(GRAFANA, "labels.json"))
        cls.panels = {panel["title"]: panel for panel in cls.dashboard["panels"]}

    def answers(self, title):
        """With the names of the columns before them."""
        sql = self.panels[title]["targets"][0]["rawSql"]
        return rows(as_grafana_asks(sql), "--pset=tuples_only=off", "--pset=footer=off")

    def test_every_panel_asks_the_data_source_and_gets_rows(self):
        variables = {variable["name"]: variable for variable in self.dashboard["templating"]["list"]}
        self.assertEqual(variables["datasource"]["type"], "datasource")
        self.assertEqual(rows(variables["project"]["query"]), [["others"], ["parts"]])
        self.assertEqual(len(self.panels), len(self.dashboard["panels"]), "titles differ")
        self.assertEqual(len({panel["id"] for panel in self.panels.values()}), len(self.panels))
        for title, panel in self.panels.items():
            with self.subTest(title):
                target, = panel["targets"]
                self.assertEqual(target["datasource"], {"type": "postgres", "uid": "${datasource}"})
                self.assertNotIn("$", as_grafana_asks(target["rawSql"]))
                names, *found = self.answers(title)
                self.assertTrue(found)
                if target["format"] == "time_series":
                    self.assertEqual(names[:2], ["time", "metric"])
                for override in panel["fieldConfig"]["overrides"]:
                    self.assertTrue(any(re.fullmatch(override["matcher"]["options"], name) for name in names))
                self.assertIn(panel["options"].get("xField", names[0]), names)

    def test_what_the_panels_say(self):
        by_origin = collections.Counter()
        for _, origin, number in self.answers("Boxes of the truth by origin")[1:]:
            by_origin[origin] += int(number)
        of_doc = collections.Counter()
        for _, origin, number in rows(questions[1]):
            of_doc[origin] += int(number)
        self.assertEqual(by_origin, of_doc)
        reviewers = {row[0]: row[1:] for row in self.answers("Reviewers")[1:]}
        self.assertEqual(reviewers.keys(), {"anna", "ben", "carl"})
        self.assertEqual(int(reviewers["ben"][0]), len(lineage.of("ben")))
        self.assertEqual([float(reviewers[who][2]) for who in sorted(reviewers)], [3, 3, 3], "as submitted")
        self.assertEqual([float(reviewers[who][4]) for who in sorted(reviewers)], [0, 0, 1])
        scores = {float(score): float(accepted) for score, accepted
                  in self.answers("Predicted boxes accepted as they are, by score")[1:]}
        self.assertEqual(scores.keys(), {0.3, 0.4, 0.7, 0.8})
        self.assertEqual(scores[0.3], 0)
        self.assertEqual(scores[0.4], 2 / 6, "twice by anna; not by ben, three times, nor by carl")
        self.assertEqual(scores[0.8], 1)
        self.assertEqual([row[0] for row in self.answers("Models")[1:]], ["3", "2", "1"])

    def test_the_data_source_is_of_the_dashboards_type_and_user(self):
        source, = yaml.safe_load(read(GRAFANA, "datasource.yaml"))["datasources"]
        self.assertEqual(source["type"], "postgres")
        self.assertIn(f"CREATE ROLE {source['user']} LOGIN", way_in)


if __name__ == "__main__":
    unittest.main(verbosity=2)
