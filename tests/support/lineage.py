"""A project whose labels' origins are known, made through the API, with a record of what was done.

Three models, each trained from the one before. anna, ben, carl and dora answer tasks of model 1, ben also one
of model 3; boxes of four images are imported. carl's labels are taken back before model 3 is trained, dora's
images are removed, and anna corrects her first answer at the end.
"""
import json
import urllib.request
import uuid

from loupe_programs import worker, write_lines
from sure_boxes import sure_boxes

RECIPE = """
detector {{ preset: "small" min_size: 96 max_size: 128 init_model: "{}" }}
training {{ iterations: 2 batch_size: 2 }}
"""

# Two steps teach a model nothing. Whatever it predicts, each picture shows these boxes.
CORNERS = [(10, 10, 30, 30), (40, 10, 60, 30), (10, 40, 30, 60), (40, 40, 60, 60)]
LABELS = [1, 2, 1, 2]
SCORES = [0.875, 0.75, 0.4375, 0.375]

def predicted(index, label=None, wider=0):
    """A box of a correction that was made from a predicted box."""
    x1, y1, x2, y2 = CORNERS[index]
    return {"box": {"x1": x1, "y1": y1, "x2": x2 + wider, "y2": y2}, "label": label or LABELS[index],
            "predicted_index": index}


DRAWN = {"box": {"x1": 70, "y1": 70, "x2": 90, "y2": 90}, "label": 1}

# What each of them makes of the four predicted boxes.
ANSWERS = {
    "anna": {"boxes": [predicted(0), predicted(1, wider=5), predicted(2)], "rejected": [3]},
    "ben": {"boxes": [predicted(0), predicted(1), predicted(2, label=2), DRAWN], "accepted_at_once": [0, 1]},
    "carl": {"boxes": [predicted(0)], "hidden": [3]},
    "dora": {"boxes": [predicted(0)]},
}
OUTCOMES = {
    "anna": ["accepted", "adjusted", "accepted", "rejected"],
    "ben": ["accepted_at_once", "accepted_at_once", "relabelled", "dropped"],
    "carl": ["accepted", "dropped", "dropped", "hidden"],
    "dora": ["accepted", "dropped", "dropped", "dropped"],
}


class Parts:
    """The project `parts` of a deployment that isn't up yet, with people and a few imported labels."""

    def __init__(self, deployment):
        self.deployment = deployment
        self.answers = []  # {reviewer, image_id, file_name, shown (outcomes follow OUTCOMES), revision_id}
        deployment.loupe("up", "--no-worker")
        deployment.psql(sure_boxes(CORNERS, LABELS, SCORES))
        self.tokens = {"admin": self.read(deployment.path("server", "admin.token"))}
        for person in ANSWERS:
            file = deployment.path(f"{person}.token")
            deployment.loupe("token", "create", "--role", "annotator", "--name", person, "--out", file)
            self.tokens[person] = self.read(file)
        worker("sample", "--out", deployment.path("parts"), "--images", 24, "--seed", 3)
        self.imported = self.import_into("parts", labelled_of_pool=4)
        deployment.up()

    @staticmethod
    def read(path):
        with open(path, encoding="utf-8") as file:
            return file.read().strip()

    def loupe(self, *arguments):
        return self.deployment.loupe(*arguments, "--project", "parts")

    def of(self, reviewer):
        return [answer for answer in self.answers if answer["reviewer"] == reviewer]

    def import_into(self, project, labelled_of_pool):
        """Returns {side: names of the images that are labelled}. All of the holdout are. Each shows a dent
        near the first predicted box."""
        self.deployment.loupe("project", "create", project, "--classes", "dent,scratch", "--seed", 1,
                              "--holdout-fraction", 0.25)
        pictures = self.deployment.path("parts", "images")
        self.deployment.loupe("import", "--images", pictures, "--project", project)
        images = self.deployment.json("image", "list", "--project", project)["images"]
        names = {side: [image["file_name"] for image in images if image["side"] == side]
                 for side in ("pool", "holdout")}
        names["pool"] = names["pool"][:labelled_of_pool]
        chosen = names["pool"] + names["holdout"]
        coco = {"images": [{"id": i, "file_name": name, "width": 128, "height": 128}
                           for i, name in enumerate(chosen, 1)],
                "annotations": [{"id": i, "image_id": i, "category_id": 1, "bbox": [10, 10, 20, 22],
                                 "area": 440, "iscrowd": 0} for i in range(1, len(chosen) + 1)],
                "categories": [{"id": 1, "name": "dent"}]}
        file = self.deployment.path(f"{project}.json")
        write_lines(file, [json.dumps(coco)])
        self.deployment.loupe("import", "--images", pictures, "--coco", file, "--labelled", "all", "--blind",
                              "--project", project)
        return names

    def round(self, begins_with):
        recipe = write_lines(self.deployment.path("recipe.textproto"), [RECIPE.format(begins_with)])
        self.loupe("round", "submit", "--recipe", recipe, "--watch")

    def call(self, person, method, **request):
        return self.ask(person, f"LabelingService/{method}", request_id=str(uuid.uuid4()), **request)

    def ask(self, person, method, **request):
        address = self.read(self.deployment.path("server", "http.address"))
        body = json.dumps(request).encode()
        headers = {"Authorization": f"Bearer {self.tokens[person]}", "Content-Type": "application/json"}
        asked = urllib.request.Request(f"http://{address}/loupe.v1.{method}", body, headers)
        with urllib.request.urlopen(asked, timeout=60) as answer:
            return json.load(answer)

    def submit(self, person, task, correction):
        answer = self.call(person, "Submit", task_id=task["taskId"], lease=task["lease"], client="test",
                           spent_ms=3000, **correction)
        return {"reviewer": person, "image_id": int(task["image"]["id"]),
                "file_name": task["image"]["fileName"], "shown": bool(task["predictions"]),
                "revision_id": int(answer["revisionId"])}

    def annotate(self, person, tasks):
        """Answers until so many tasks showed predictions. Into images of the others one box is drawn."""
        while tasks > 0:
            task, = self.call(person, "NextTasks", project="parts", count=1)["tasks"]
            correction = ANSWERS[person] if task["predictions"] else {"boxes": [DRAWN]}
            self.answers.append(self.submit(person, task, correction))
            tasks -= self.answers[-1]["shown"]


class Lineage(Parts):
    """Parts with a history."""

    def __init__(self, deployment):
        super().__init__(deployment)
        self.round("")
        for person, tasks in (("anna", 2), ("ben", 2), ("carl", 1), ("dora", 1)):
            self.annotate(person, tasks)
        self.round("round-1")
        self.loupe("withdraw", "--reviewer", "carl")
        for answer in self.of("dora"):
            self.loupe("image", "remove", answer["file_name"], "--reason", "a person in the picture", "--yes")
        self.round("round-2")
        self.annotate("ben", 1)
        self.corrected = self.correct(next(answer for answer in self.of("anna") if answer["shown"]))
        # Projects that no question about `parts` may see, and one that no question may see at all.
        self.import_into("others", labelled_of_pool=1)
        self.import_into("gone", labelled_of_pool=1)
        deployment.loupe("project", "delete", "gone", "--confirm", "gone")

    def correct(self, answer):
        """anna keeps her first box, moves the one of the lowest score and deletes the other."""
        task = self.call("anna", "OpenTask", project="parts", image_id=answer["image_id"])
        first, _, last = task["boxes"]
        boxes = [{"box": first["box"], "label": first["label"], "box_id": first["boxId"]},
                 {"box": {**last["box"], "x2": last["box"]["x2"] + 5}, "label": last["label"],
                  "box_id": last["boxId"]}]
        return {**self.submit("anna", task, {"boxes": boxes}), "kept": int(first["boxId"]),
                "moved": int(last["boxId"])}
