"""A round that runs while annotators submit, for tests in which parts fail meanwhile.

The annotators write down what was acknowledged, outside the system (`loupe annotate --log`).
"""
import json
import threading
import time

from acknowledged import check_acknowledged
from loupe_programs import program, read_json, run, worker, write_lines


def prepare(deployment, recipe, images, labelled, seed=1):
    """A project `parts` with made-up pictures, and recipe.textproto in the deployment's folder; returns the
    COCO file with the truth. `labelled`: how many of them have labels."""
    worker("sample", "--out", deployment.path("parts"), "--images", images, "--seed", seed)
    annotations = deployment.path("parts", "annotations.json")
    coco = read_json(annotations)
    classes = ",".join(c["name"] for c in sorted(coco["categories"], key=lambda c: c["id"]))
    chosen = write_lines(deployment.path("labelled.txt"), [i["id"] for i in coco["images"][:labelled]])
    deployment.loupe("project", "create", "parts", "--classes", classes, "--seed", "1")
    deployment.loupe("import", "--images", deployment.path("parts", "images"), "--coco", annotations,
                     "--labelled", f"@{chosen}", "--blind")
    with open(deployment.path("recipe.textproto"), "w", encoding="utf-8") as file:
        file.write(recipe)
    return annotations


def wait_for(condition, seconds, what="it"):
    """Returns how many seconds it took."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() < began + seconds, f"{what} took more than {seconds} s"
        time.sleep(0.1)
    return time.monotonic() - began


class Annotator(threading.Thread):
    """Submits a few corrections at a time until told to stop. A command that fails is tried again: only what
    was acknowledged counts."""

    def __init__(self, deployment, number, annotations, stop):
        super().__init__()
        self.deployment, self.annotations, self.stop = deployment, annotations, stop
        self.log_file = deployment.path(f"acknowledged-{number}.log")
        self.token_file = deployment.path(f"annotator-{number}.token")
        created = deployment.json("token", "create", "--role", "annotator", "--name", f"annotator-{number}")
        write_lines(self.token_file, [created["secret"]])

    def run(self):
        while not self.stop.is_set():
            run(program("loupe"), "annotate", "--oracle", self.annotations, "--tasks", 2,
                "--log", self.log_file, "--patience", 30, "--server", self.deployment.address,
                "--token-file", self.token_file, check=False)
            self.stop.wait(0.7)

    def acknowledged(self):
        try:
            with open(self.log_file, encoding="utf-8") as file:
                return [json.loads(line) for line in file if line.strip()]
        except FileNotFoundError:
            return []


class Watcher(threading.Thread):
    """Follows the round from outside: its state, and the iteration a training went on from."""

    def __init__(self, deployment):
        super().__init__()
        self.deployment, self.state, self.resumed_from, self.error = deployment, "", 0, ""
        self.trained = 0  # iterations of the training that runs
        self.ended = threading.Event()

    def run(self):
        while self.state not in ("done", "failed", "cancelled"):
            shown = run(program("loupe"), "round", "show", 1, "--json",
                        "--dir", self.deployment.server_directory, check=False)
            if shown.returncode == 0:
                answer = json.loads(shown.stdout)
                self.state, self.error = answer["state"], answer.get("error", "")
                progress = answer.get("progress") or {}
                self.resumed_from = max(self.resumed_from, int(progress.get("resumed_from", 0)))
                self.trained = int(progress.get("done", 0)) if self.state == "training" else 0
            if self.ended.wait(0.3):
                return

    def await_iteration(self, iteration):
        """Until the training has one to go on from, or is over. A database that was away may have cost it the
        first."""
        deadline = time.monotonic() + 120
        while self.state == "training" and self.trained <= iteration:
            if time.monotonic() > deadline:
                return
            time.sleep(0.1)


def check_annotators(deployment, annotators):
    """What they wrote down; returns the number of corrections."""
    lines = [line for annotator in annotators for line in annotator.acknowledged()]
    return check_acknowledged(
        lines, lambda image: deployment.json("provenance", "image", image)["revisions"])


class LoadedRound:
    """The round 1 of such a project and its annotators, from `start` to `end`."""

    def __init__(self, deployment, recipe, images, labelled, annotators=3):
        self.deployment = deployment
        annotations = prepare(deployment, recipe, images, labelled)
        self._stop = threading.Event()
        self.annotators = [Annotator(deployment, n, annotations, self._stop) for n in range(annotators)]
        self.watcher = Watcher(deployment)

    def start(self):
        self.deployment.loupe("round", "submit", "--recipe", self.deployment.path("recipe.textproto"))
        for thread in [self.watcher, *self.annotators]:
            thread.start()

    def stop(self):
        """Also without `start`; may be called again."""
        self._stop.set()
        self.watcher.ended.set()
        for thread in [self.watcher, *self.annotators]:
            if thread.ident is not None:
                thread.join(timeout=120)

    def acknowledged(self):
        """How many corrections, until now."""
        return sum(len(annotator.acknowledged()) for annotator in self.annotators)

    def await_more(self, seconds, count=5):
        """Until annotators got on by that many."""
        enough = self.acknowledged() + count
        wait_for(lambda: self.acknowledged() >= enough, seconds, f"{count} acknowledged corrections")

    def end(self, patience):
        """The round ends well, and every acknowledged correction is there once; returns their number."""
        self.watcher.join(timeout=patience)
        self.stop()
        log = self.deployment.log("server")[-3000:]
        assert self.watcher.state == "done", f"the round is {self.watcher.state} {self.watcher.error}\n{log}"
        count = check_annotators(self.deployment, self.annotators)
        self.deployment.loupe("provenance", "verify")
        return count
