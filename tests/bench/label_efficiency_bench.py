"""How much labelling Loupe's choice of images saves over a random one, rehearsed through the whole system.

A run is a project of its own in a deployment of its own: coordinator, PostgreSQL and a worker, as `loupe up`
starts them. The pool and a small holdout are imported; the holdout (blind) and a random start set come with
labels. Each round trains from the same ImageNet backbone with the same number of iterations, predicts the
pool and ranks it by the arm's strategy; then `loupe annotate` answers a budget of tasks from the truth. After
each round its model is measured on a test set that is never imported. The gate lets every model serve:
rankings are compared, not models.

Arms of one seed share pictures, start set, and the seeds of project and recipe, and get the same ids, so that
their first rounds are the same training and their random draws the same draws. The arm `full` has the whole
pool labelled, and trains twice as long, since there is more to see. A backbone with random heads starts every
round, so that no round inherits the luck of the one before.

    made_up    parts from `loupe-worker sample`, another pool for each seed: one box in thirty is a crack,
               a quarter of the pictures are near-duplicates, a tenth show no defect
    neu_det    NEU-DET's training split, in another order for each seed: balanced, nothing empty;
               its test split

A person's time is modelled as 2 s an image and 4 s a box of its truth, whether or not a prediction could have
been accepted: DESIGN.md's t0 and t_box. As many runs as there are cores go at once, each on a core of its
own, which is faster than all of them on all cores. Every run leaves a JSON file in the folder of `--out`; a
run that is there is not done again, so the benchmark goes on where it was stopped; the run that was cut off
starts again from nothing. A file knows its settings, not the programs that it was made with: when ranking or
detector change, the files of the arms that it concerns have to go. Plots, as SVG, go there too. Pictures are
kept under build/.
"""

import argparse
import collections
import dataclasses
import hashlib
import json
import os
import signal
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
from label_efficiency_report import BASELINE, FULL, MAX_SEEDS, plot, set_figures, table  # noqa: E402
from loupe_programs import SOURCE, Deployment, read_json, worker, write_lines  # noqa: E402
from neu_det_data import ANNOTATIONS, DATA_SET, WEIGHTS, split_ids, write_part  # noqa: E402
from one_a_core import one_a_core  # noqa: E402

# What the ranking part of a recipe says.
ARMS = {"random": 'strategy: "random"',
        "entropy": 'strategy: "entropy"',
        "combined": 'strategy: "combined"',
        "combined_without_diversity": 'strategy: "combined" diversity: false',
        "combined_without_class_weights": 'strategy: "combined" class_weights: false',
        FULL: 'strategy: "random"'}
MIRRORED_ARMS = [arm for arm in ARMS if arm.startswith("combined")]  # no other ranks by agreement
SEEDS = (7, 8, 9, 10, 11, 12)  # on those before, `combined` was tried and changed
SECONDS_AN_IMAGE = 2
SECONDS_A_BOX = 4
TEST_SEED = 1000  # of the made-up test pictures; no run has it
ROUND_PATIENCE_S = 3600
FULL_FACTOR = 2  # on the iterations
# Learns more in so few steps than the defaults do.
TRAINING = "learning_rate: 2e-3 schedule: COSINE ema_decay: 0.98"
WARMUP_SHARE = 0.1
PICTURES_FOLDER = os.path.join(SOURCE, "build", "label_efficiency_pictures")


@dataclasses.dataclass(frozen=True)
class Setting:
    """One data set. The last round has a fifth of the pool labelled."""
    pixels: int
    pool: int
    start: int       # images labelled at the start
    budget: int      # images a round after the first
    rounds: int
    iterations: int  # of every training but the full data's
    holdout_fraction: float
    group_by: str    # empty: each image is by itself
    candidates: int  # pictures from which pool and holdout are filled
    test_images: int
    arms: tuple
    aims: dict


SETTINGS = {
    "made_up": Setting(
        pixels=128,
        pool=600,
        start=40,
        budget=20,
        rounds=5,
        iterations=500,
        holdout_fraction=0.15,
        group_by="part_([0-9]+)",
        candidates=800,
        test_images=400,
        arms=tuple(arm for arm in ARMS if arm != FULL),
        aims={"gain": 4, "images_saved": 30, "images_saved_by_seed": 30, "share_of_full": 90, "rare_gain": 5},
    ),
    "neu_det": Setting(
        pixels=160,
        pool=1100,
        start=55,
        budget=55,
        rounds=4,
        iterations=500,
        holdout_fraction=0.09,
        group_by="",
        candidates=1260,
        test_images=360,
        arms=("random", "combined"),
        aims={"gain": 1.5, "images_saved": 20, "images_saved_by_seed": 20, "share_of_full": 85},
    ),
}
QUICK = {"pool": 60, "start": 20, "budget": 10, "rounds": 2, "iterations": 10, "holdout_fraction": 0.15,
         "candidates": 120, "test_images": 60, "arms": ("random", "combined")}


def shuffled(names, *key):
    """An order that the key alone decides, the same everywhere."""
    return sorted(names, key=lambda name: hashlib.sha256("\0".join(map(str, (*key, name))).encode()).digest())


@dataclasses.dataclass(frozen=True)
class Pictures:
    """What a run of a seed is made of. `truth` and `test` are COCO files, `candidates` file names of
    `truth`."""
    folder: str
    truth: str
    candidates: list
    test_folder: str
    test: str

    def seconds_for(self):
        """A person's seconds for each image, by file name."""
        coco = read_json(self.truth)
        boxes = collections.Counter(box["image_id"] for box in coco["annotations"])
        return {
            image["file_name"]: SECONDS_AN_IMAGE + SECONDS_A_BOX * boxes[image["id"]]
            for image in coco["images"]
        }


def sample(images, seed):
    """Made-up pictures: their folder, and their truth."""
    folder = os.path.join(PICTURES_FOLDER, f"parts-{seed}-{images}")
    truth = os.path.join(folder, "annotations.json")
    if not os.path.exists(truth):  # it is written last
        worker("sample", "--out", folder, "--images", images, "--seed", seed)
    return os.path.join(folder, "images"), truth


def made_up(setting, seed):
    folder, truth = sample(setting.candidates, seed)
    names = [image["file_name"] for image in read_json(truth)["images"]]
    return Pictures(folder, truth, shuffled(names, seed), *sample(setting.test_images, TEST_SEED))


def neu_det(setting, seed):
    coco = read_json(ANNOTATIONS)
    names = {image["id"]: image["file_name"] for image in coco["images"]}
    test = split_ids("test")
    part = test[::len(test) // setting.test_images]
    test = write_part(coco, part, os.path.join(PICTURES_FOLDER, "neu-det-test.json"))
    train = shuffled([names[number] for number in split_ids("train")], seed)
    return Pictures(DATA_SET, ANNOTATIONS, train[:setting.candidates], DATA_SET, test)


PICTURES = {"made_up": made_up, "neu_det": neu_det}


def class_names(coco):
    return [category["name"] for category in sorted(coco["categories"], key=lambda category: category["id"])]


def rarest_classes(coco, count=2):
    """Names of the classes with the fewest boxes, the rarest first."""
    boxes = collections.Counter(box["category_id"] for box in coco["annotations"])
    ids = sorted(boxes, key=lambda number: (boxes[number], number))[:count]
    return [
        next(category["name"] for category in coco["categories"] if category["id"] == number)
        for number in ids
    ]


def recipe_text(setting, arm, seed):
    iterations = setting.iterations * (FULL_FACTOR if arm == FULL else 1)
    detector = f"trainable_layers: 3 min_size: {setting.pixels} max_size: {setting.pixels}"
    steps = f"iterations: {iterations} warmup_iterations: {round(WARMUP_SHARE * iterations)}"
    return (f'detector {{ preset: "small" init_model: "imagenet" {detector} }}\n'
            f"training {{ {steps} {TRAINING} }}\n"
            f"prediction {{ mirrored: {'true' if arm in MIRRORED_ARMS else 'false'} }}\n"
            f"ranking {{ {ARMS[arm]} budget: {setting.budget} }}\n"
            f"gate {{ tolerance: 1 }}\n"
            f"seed: {seed}\n")


class Rehearsal:
    """One run, in a new deployment."""

    def __init__(self, deployment, setting, pictures, arm, seed):
        self.deployment, self.setting, self.pictures, self.arm, self.seed = (
            deployment,
            setting,
            pictures,
            arm,
            seed,
        )

    def do(self):
        """The run's rounds, and the size of its holdout."""
        loupe, setting = self.deployment.loupe, self.setting
        loupe(
            "project",
            "create",
            "rehearsal",
            "--classes",
            ",".join(class_names(read_json(self.pictures.truth))),
            "--holdout-fraction",
            setting.holdout_fraction,
            "--seed",
            self.seed,
        )
        pool, holdout = self.fill_pool()
        start = pool if self.arm == FULL else shuffled(pool, self.seed, "start")[:setting.start]
        self.label(start + holdout)
        loupe("model", "import", "--weights", WEIGHTS, "--preset", "small", "--name", "imagenet")
        seconds_for = self.pictures.seconds_for()
        rounds, labelled, served, slices = [], [], start, {}
        for number in range(1, 2 if self.arm == FULL else setting.rounds + 1):
            if number > 1:
                served, slices = self.annotate(number)
            labelled += served
            rounds.append({"images": len(labelled), "seconds": sum(seconds_for[name] for name in labelled),
                           **self.round(number), "slices": slices, "served": served})
        return {"holdout": len(holdout), "rounds": rounds}

    def import_part(self, names, labelled):
        only = "@" + write_lines(self.deployment.path("names.txt"), names)
        group = ("--group-by", self.setting.group_by) if self.setting.group_by else ()
        labels = ("--labelled", only, "--blind") if labelled else ("--labelled", "none")
        return self.deployment.json(
            "import",
            "--images",
            self.pictures.folder,
            "--coco",
            self.pictures.truth,
            "--only",
            only,
            *group,
            *labels,
        )

    def fill_pool(self):
        """Imports candidates until the pool is as large as it should be; those that fall to the holdout make
        it. Returns both sides' file names, in the order of import."""
        left, missing = self.pictures.candidates, self.setting.pool
        while missing > 0:
            if not left:
                raise RuntimeError(f"{missing} pictures too few to fill the pool")
            batch, left = left[:missing], left[missing:]
            missing -= self.import_part(batch, labelled=False)["added_to_pool"]
        sides = {"pool": [], "holdout": []}
        for image in self.deployment.json("image", "list")["images"]:
            sides[image["side"]].append(image["file_name"])
        return sides["pool"], sides["holdout"]

    def label(self, names):
        labelled = self.import_part(names, labelled=True)["labelled"]
        if labelled != len(names):
            raise RuntimeError(f"{labelled} of {len(names)} images were labelled")

    def annotate(self, number):
        """Answers a budget of tasks. Returns the images' file names as served, and how many each slice
        gave."""
        budget = self.setting.budget
        entries = self.deployment.json("queue", "--limit", budget)["entries"]
        log = self.deployment.path(f"answers-{number}.jsonl")
        self.deployment.loupe("annotate", "--oracle", self.pictures.truth, "--tasks", budget, "--log", log)
        with open(log, encoding="utf-8") as file:
            answered = [json.loads(line)["image_id"] for line in file]
        if answered != [entry["image"]["id"] for entry in entries] or len(answered) != budget:
            raise RuntimeError(
                f"{len(answered)} images were answered, and not the {budget} at the ranking's head"
            )
        return ([entry["image"]["file_name"] for entry in entries],
                dict(collections.Counter(entry["reason"]["slice"] for entry in entries)))

    def round(self, number):
        """Does a round. Returns its model's AP50 on the test set, of each class too, and what took how
        long."""
        started = time.monotonic()
        recipe = self.deployment.path("recipe.textproto")
        with open(recipe, "w", encoding="utf-8") as file:
            file.write(recipe_text(self.setting, self.arm, self.seed))
        shown = self.deployment.json(
            "round", "submit", "--recipe", recipe, "--watch", timeout=ROUND_PATIENCE_S
        )
        if self.deployment.json("status")["serving_model"] != shown["model"]:
            raise RuntimeError(
                f"the model of round {number} doesn't serve, so that its ranking isn't switched to"
            )
        overall, per_class = self.measure(shown["model"])
        return {
            "ap50": overall["ap50"],
            "per_class": per_class,
            "machine_s": round(time.monotonic() - started, 1),
            "steps_s": {step["step"]: round(step["seconds"], 1) for step in shown["steps"]},
        }

    def measure(self, model):
        weights, results = self.deployment.path("model.safetensors"), self.deployment.path("results.json")
        self.deployment.loupe("model", "export", model, "--out", weights)
        worker(
            "detect",
            "--weights",
            weights,
            "--coco",
            self.pictures.test,
            "--images",
            self.pictures.test_folder,
            "--out",
            results,
        )
        figures = json.loads(
            worker("eval", "--json", "--ground-truth", self.pictures.test, "--detections", results)
        )
        names = {
            str(category["id"]): category["name"] for category in read_json(self.pictures.test)["categories"]
        }
        return figures["overall"], {names[key]: one["ap50"] for key, one in figures["per_category"].items()}


class Bench:
    def __init__(self, out):
        self.out = out
        self.deployments = set()
        self.stopped = False
        os.makedirs(out, exist_ok=True)
        os.makedirs(PICTURES_FOLDER, exist_ok=True)

    def run_all(self, settings, arms, seeds):
        """Figures of all runs, by data set and arm, in order of seed."""
        for seed in seeds:
            for name, setting in settings.items():
                PICTURES[name](setting, seed)  # before runs that share them go side by side
        runs = [(name, setting, arm, seed) for seed in seeds for name, setting in settings.items()
                for arm in (*(arms or setting.arms), FULL)]
        figures = {name: collections.defaultdict(list) for name in settings}
        for (name, _, arm, _), one in zip(runs, one_a_core(self.run, runs, on_failure=self.take_down)):
            figures[name][arm].append(one)
        return figures

    def take_down(self):
        self.stopped = True  # for those that come up just now
        for deployment in tuple(self.deployments):
            deployment.down()

    def run(self, name, setting, arm, seed):
        """A run's figures: from its file, or by doing it."""
        path = os.path.join(self.out, f"{name}-{seed}-{arm}.json")
        of_all = {
            key: value for key, value in dataclasses.asdict(setting).items() if key not in ("arms", "aims")
        }
        about = {"set": name, "arm": arm, "seed": seed, "recipe": recipe_text(setting, arm, seed), **of_all}
        if os.path.exists(path):
            figures = read_json(path)
            if figures["about"] != about:
                sys.exit(f"{path} is of another run; remove it, or choose another --out")
            return figures
        started = time.monotonic()
        pictures = PICTURES[name](setting, seed)
        with Deployment() as deployment:
            self.deployments.add(deployment)
            if self.stopped:
                raise RuntimeError("stopped while it came up")
            figures = {"about": about, **Rehearsal(deployment, setting, pictures, arm, seed).do()}
            self.deployments.remove(deployment)
        figures.update(machine_s=round(time.monotonic() - started), cores=len(os.sched_getaffinity(0)))
        with open(path + ".part", "w", encoding="utf-8") as file:
            json.dump(figures, file)
        os.replace(path + ".part", path)
        curve = " ".join(f"{100 * one['ap50']:.1f}" for one in figures["rounds"])
        print(f"{name} seed {seed} {arm}: AP50 {curve}; {figures['machine_s']} s", flush=True)
        return figures

    def report(self, name, setting, runs, seeds):
        """Prints the table of one data set, leaves its plot, and returns its figures."""
        test = PICTURES[name](setting, seeds[0]).test
        figures = set_figures(runs, rarest_classes(read_json(test)))
        share = figures["arms"][BASELINE]["images_by_round"][-1] / setting.pool
        print(f"\n{name}: {setting.rounds} rounds of {setting.iterations} iterations, "
              f"the last with {share:.0%} of {setting.pool} images")
        print("\n".join(table(figures, setting.aims)))
        path = os.path.join(self.out, f"label-efficiency-{name}.svg")
        with open(path, "w", encoding="utf-8") as file:
            file.write(plot(name.replace("_", " "), figures))
        print(f"plot: {path}")
        return figures


def numbers(text):
    return tuple(int(part) for part in text.split(","))


def arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--quick",
        action="store_true",
        help="one seed of made-up parts, two arms, two rounds of a few iterations: no figure to quote",
    )
    parser.add_argument("--only", choices=SETTINGS, help="one data set; default: both")
    parser.add_argument("--seeds", type=numbers, help=f"default: {','.join(map(str, SEEDS))}")
    parser.add_argument(
        "--arms",
        type=lambda text: text.split(","),
        help=f"some of {', '.join(SETTINGS['made_up'].arms)}; default: what the data set is for",
    )
    parser.add_argument("--out", help="folder of the runs; default: under build/")
    args = parser.parse_args()
    args.seeds = args.seeds or (SEEDS[:1] if args.quick else SEEDS)
    if len(set(args.seeds)) != len(args.seeds) or len(args.seeds) > MAX_SEEDS or TEST_SEED in args.seeds:
        parser.error(f"--seeds: at most {MAX_SEEDS}, each once, without {TEST_SEED}")
    if args.arms and (BASELINE not in args.arms or not set(args.arms) <= set(SETTINGS["made_up"].arms)):
        parser.error(f"--arms: some of {', '.join(SETTINGS['made_up'].arms)}, and always {BASELINE}")
    args.sets = [args.only] if args.only else ["made_up"] if args.quick else list(SETTINGS)
    args.out = args.out or os.path.join(
        SOURCE, "build", "label_efficiency" + ("_quick" if args.quick else "")
    )
    return args


def main():
    args = arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    bench = Bench(args.out)
    settings = {
        name: dataclasses.replace(SETTINGS[name], **(QUICK if args.quick else {})) for name in args.sets
    }
    if args.quick:
        print("quick: the figures mean nothing")
    runs = bench.run_all(settings, args.arms, args.seeds)
    seconds = sum(run["machine_s"] for arms in runs.values() for several in arms.values() for run in several)
    sets = {name: bench.report(name, setting, runs[name], args.seeds) for name, setting in settings.items()}
    print(f"\n{seconds / 3600:.2f} hours of one core in all (aim: 12, six hours of two)")
    print(json.dumps({"benchmark": "label_efficiency", "quick": args.quick, "seeds": args.seeds,
                      "core_hours": round(seconds / 3600, 2), "sets": sets}))


if __name__ == "__main__":
    main()
