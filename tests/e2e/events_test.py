#!/usr/bin/python3
"""Eight writers answer, correct, withdraw, exclude and restore, while the coordinator or PostgreSQL is killed
again and again. A reader of events that is killed, too, goes on from its last cursor, or from an earlier one
after it has forgotten what came behind that. It sees every event once, and those of an image in order: what
it was told of boxes, truths and states leads to those of the database.

A second reader, which nobody kills, sees the same.
"""
import collections
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
import unittest
import uuid

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from grpc_client import Connection, Refused, decode, encode  # noqa: E402
from load import wait_for  # noqa: E402
from loupe_programs import Deployment, program, worker  # noqa: E402

IMAGES = 40
ANNOTATORS = 5
KILLS = ["server", "postgres", "server", "server", "postgres"]


class Writer(threading.Thread):
    """Does one thing after the other until told to stop. What fails is given up."""

    def __init__(self, number, role):
        super().__init__(daemon=True)
        self.chooser = random.Random(number)
        created = deployment.json("token", "create", "--role", role, "--name", f"writer-{number}")
        self.name, self.secret = created["name"], created["secret"]
        self.connection = None

    def call(self, method, fields):
        return self.connection.call(method, {1: str(uuid.uuid4()), **fields})

    def run(self):
        while not stop.is_set():
            try:
                if self.connection is None:
                    self.connection = Connection(deployment.address, self.secret)
                self.act()
            except Refused:
                pass
            except (OSError, ValueError):
                self.close()
            stop.wait(0.05)
        self.close()

    def close(self):
        if self.connection is not None:
            self.connection.close()
        self.connection = None


class Annotator(Writer):
    def __init__(self, number):
        super().__init__(number, "annotator")
        self.acknowledged = []
        self.answered = []

    def act(self):
        answer = self.call("LabelingService/NextTasks", {2: "parts", 3: 1})
        if 1 in answer:
            self.answer(decode(answer[1][0]))
        elif self.answered:
            self.answer(self.call(
                "LabelingService/OpenTask", {2: "parts", 3: self.chooser.choice(self.answered)}))

    def answer(self, task):
        image = decode(task[4][0])[1][0]
        boxes = []
        for box in map(decode, task.get(9, [])):  # those of the truth: kept, moved or left out
            if self.chooser.random() < 0.7:
                corners = self.chooser.choice([box[2][0], self.corners()])
                boxes.append(encode({1: corners, 2: 1, 5: box[1][0]}))
        boxes += [encode({1: self.corners(), 2: self.chooser.choice([1, 2])})
                  for _ in range(self.chooser.randint(0, 2))]
        done = self.call("LabelingService/Submit", {2: task[1][0], 3: task[2][0], 4: boxes})
        self.acknowledged.append(done[1][0])
        self.answered.append(image)

    def corners(self):
        x, y = self.chooser.randint(0, 50), self.chooser.randint(0, 50)
        return encode({1: float(x), 2: float(y), 3: float(x + 10), 4: float(y + 10)})


class Withdrawer(Writer):
    def __init__(self, number):
        super().__init__(number, "engineer")

    def act(self):
        self.call("LabelingService/Withdraw", {2: "parts", 3: f"writer-{self.chooser.randrange(ANNOTATORS)}"})
        stop.wait(1)


class Excluder(Writer):
    def __init__(self, number):
        super().__init__(number, "engineer")

    def act(self):
        image = self.chooser.randint(1, 4)  # few, so that they meet
        if self.chooser.random() < 0.5:
            self.call("ImageService/ExcludeImage", {2: "parts", 3: image, 5: "blurred"})
        else:
            self.call("ImageService/RestoreImage", {2: "parts", 3: image})


def watch(*arguments):
    return [program("loupe"), "provenance", "watch", "--json", "--project", "parts",
            "--dir", deployment.server_directory, *arguments]


class Reader(threading.Thread):
    """Keeps what it was told, with a cursor each, as a program would in a file of its own."""

    def __init__(self):
        super().__init__(daemon=True)
        self.chooser = random.Random(99)
        self.told = []
        self.starts = self.returns = 0

    def begins(self):
        return ["--cursor", self.told[-1]["cursor"]] if self.told else ["--from-start"]

    def take(self, line):
        message = json.loads(line)
        if "event_id" in message:
            self.told.append(message)

    def run(self):
        while not stop.is_set():
            if self.told and self.chooser.random() < 0.3:
                del self.told[self.chooser.randrange(len(self.told)) + 1:]
                self.returns += 1
            self.starts += 1
            with subprocess.Popen(watch(*self.begins()), stdout=subprocess.PIPE) as process:
                ends = threading.Timer(self.chooser.uniform(0.3, 2), process.kill)
                ends.start()
                for line in process.stdout:
                    if line.endswith(b"\n"):
                        self.take(line)
                ends.cancel()

    def read_the_rest(self):
        for line in subprocess.run(watch("--until-now", *self.begins()), stdout=subprocess.PIPE,
                                   check=True, timeout=60).stdout.splitlines():
            self.take(line)


class State:
    """Of an image, as the events tell it."""

    def __init__(self):
        self.revision = self.truth = 0
        self.state = "usable"
        self.boxes = {}

    def follow(self, event):
        if event["kind"] == "image_state_changed":
            assert event["state_before"] == self.state, event
            self.state = event["state_after"]
            return
        assert event["revision"] == self.revision + 1, event
        assert event.get("truth_before", 0) == self.truth, event
        self.revision, self.truth = event["revision"], event.get("truth_after", 0)
        for change in event["boxes"]:
            before, after = change.get("before"), change.get("after")
            if before:
                assert self.boxes.pop(before["box_id"]) == before, event
            if after:
                assert after["box_id"] not in self.boxes, event
                self.boxes[after["box_id"]] = after


def setUpModule():
    global deployment, stop, annotators, reader, steady
    deployment = Deployment()
    unittest.addModuleCleanup(deployment.__exit__)
    stop = threading.Event()
    unittest.addModuleCleanup(stop.set)
    deployment.loupe("up", "--no-worker")
    worker("sample", "--out", deployment.path("parts"), "--images", IMAGES, "--seed", 5)
    deployment.loupe("project", "create", "parts", "--classes", "dent,scratch", "--holdout-fraction", 0)
    deployment.loupe("import", "--images", deployment.path("parts", "images"))
    annotators = [Annotator(number) for number in range(ANNOTATORS)]
    others = [Withdrawer(ANNOTATORS), Excluder(ANNOTATORS + 1), Excluder(ANNOTATORS + 2)]
    reader = Reader()
    steady = deployment.path("steady.jsonl")
    with open(steady, "wb") as file, subprocess.Popen(watch("--from-start"), stdout=file) as follower:
        threads = [*annotators, *others, reader]
        for thread in threads:
            thread.start()
        chooser = random.Random(7)
        for part in KILLS:
            time.sleep(chooser.uniform(1.5, 3.5))
            assert deployment.kill(part)
            deployment.loupe("up", "--no-worker")
        time.sleep(1)
        stop.set()
        for thread in threads:
            thread.join(timeout=60)
            assert not thread.is_alive()
        reader.read_the_rest()
        last = max(event["event_id"] for event in reader.told)
        wait_for(lambda: f'"event_id":{last},' in read(steady), 30, "the reader that nobody kills")
        follower.send_signal(signal.SIGINT)
        assert follower.wait(timeout=20) == 0
    print(f"{len(reader.told)} events; the reader began {reader.starts} times, "
          f"{reader.returns} of them at an earlier cursor", flush=True)


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def rows(sql):
    return [line.split("|") for line in deployment.psql(sql).splitlines()]


class EventsTest(unittest.TestCase):
    def test_each_event_is_told_once(self):
        stored = sorted(int(row[0]) for row in rows("SELECT id FROM event"))
        self.assertGreater(len(stored), 200, "nothing was put to the test")
        self.assertGreater(reader.returns, 0)
        self.assertEqual(sorted(event["event_id"] for event in reader.told), stored)
        followed = [json.loads(line) for line in read(steady).splitlines()]
        self.assertNotIn("event_id", followed[0])
        self.assertEqual(sorted(event["event_id"] for event in followed[1:]), stored)

    def test_each_revision_has_an_event(self):
        told = sorted(event["revision_id"] for event in reader.told if event["kind"] == "revision_added")
        self.assertEqual(told, sorted(int(row[0]) for row in rows("SELECT id FROM label_revision")))
        acknowledged = [revision for annotator in annotators for revision in annotator.acknowledged]
        self.assertGreater(len(acknowledged), 50)
        self.assertLessEqual(set(acknowledged), set(told))
        kinds = collections.Counter(event.get("standing", event["kind"]) for event in reader.told)
        self.assertGreater(kinds["withdrawn"], 0)
        self.assertGreater(kinds["image_state_changed"], 0)

    def test_the_events_of_an_image_lead_to_what_it_is(self):
        images = collections.defaultdict(State)
        for event in reader.told:
            images[event["image_id"]].follow(event)
        for image, number, truth, state in rows(
                "SELECT image.id, coalesce(head.number, 0), coalesce(truth.number, 0), image.state "
                "FROM image LEFT JOIN label_revision head ON head.id = head_revision_id "
                "LEFT JOIN label_revision truth ON truth.id = truth_revision_id"):
            told = images[int(image)]
            self.assertEqual((told.revision, told.truth, told.state), (int(number), int(truth), state))
        stored = rows("SELECT image.id, box_id, label, x1, y1, origin FROM image "
                      "JOIN label_box ON revision_id = truth_revision_id ORDER BY box_id")
        self.assertGreater(len(stored), 0)
        self.assertEqual(
            sorted([str(image), str(box["box_id"]), str(box["label"]), f"{box['box'][0]:g}",
                    f"{box['box'][1]:g}", box["origin"]]
                   for image, told in images.items() for box in told.boxes.values()),
            sorted(stored))

    def test_people_get_a_line_an_event(self):
        printed = deployment.loupe("provenance", "watch", "--from-start", "--until-now",
                                   "--project", "parts")
        self.assertEqual(len(printed.splitlines()), len(reader.told))

    def test_a_cursor_of_another_project_is_refused(self):
        deployment.loupe("project", "create", "others", "--classes", "dent")
        refused = subprocess.run(
            [program("loupe"), "provenance", "watch", "--project", "others",
             "--dir", deployment.server_directory, "--cursor", reader.told[0]["cursor"]],
            capture_output=True, text=True, check=False, timeout=60)
        self.assertEqual(refused.returncode, 1)
        self.assertIn("the cursor is of another project", refused.stderr)
        self.assertIn("BAD_CURSOR", refused.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
