"""Detectors trained freely on NEU-DET by torchvision and by Loupe: AP50 on the test split, ten seeds each.

Both sides train the preset `small` from the same ImageNet weights on the same fifth of the training split,
each fifth with two seeds, by the recipe of DESIGN.md, and both are measured by `loupe-worker eval`. Reported
are the mean AP50 of each, and the mean of the seeds' differences with its 95 % interval (Student's t); two
trainings of one side differ by 0.03 from seed to seed, so that five pairs could not tell 0.02 from nothing.
Every run leaves a JSON file in the folder of `--out`; a run that is there is not done again, so the benchmark
goes on where it was stopped. As many runs go at once as there are cores, each on a core of its own; Loupe's
best recipe, whose time is a figure, takes all.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
from loupe_programs import SOURCE, program, read_json, run, worker  # noqa: E402
from neu_det_data import ANNOTATIONS, DATA_SET, WEIGHTS, fifth_of, split_ids, write_part  # noqa: E402
from one_a_core import one_a_core  # noqa: E402

SEEDS = tuple(range(1, 11))
STUDENT_T = 2.262  # 97.5 % quantile with nine degrees of freedom
PIXELS = 200
BEST_RECIPE = os.path.join(HERE, "neu_det_best.textproto")
BEST_SECONDS = 30 * 60
BEST_AIM = 0.72
RECIPE = {
    "iterations": 400,
    "batch_size": 8,
    "learning_rate": 1e-3,
    "backbone_rate_factor": 0.1,
    "weight_decay": 0.02,
    "warmup_iterations": 100,
    "decay_at": [0.7, 0.9],
    "decay_factor": 0.1,
    "clip_norm": 10,
    "flip_horizontal": 0.5,
    "flip_vertical": 0.5,
    "repeat_threshold": 0,
}
QUICK = {"iterations": 12, "warmup_iterations": 3}


def recipe_text(recipe):
    fields = " ".join(f"{name}: {value}" for name, value in recipe.items())
    return (f'detector {{ preset: "small" min_size: {PIXELS} max_size: {PIXELS} }}\n'
            f"training {{ optimizer: ADAMW {fields} }}\n")


class Bench:
    def __init__(self, folder, split, every, recipe):
        """`every`: of so many images one, for a quick look."""
        self.folder, self.split, self.every, self.recipe = folder, split, every, recipe
        self.coco = read_json(ANNOTATIONS)
        by_id = {image["id"]: image for image in self.coco["images"]}
        self.train = [by_id[number] for number in split_ids("train")]
        os.makedirs(folder, exist_ok=True)
        self.test = write_part(self.coco, split_ids(split)[::every], self.path(f"{split}.json"))
        self.recipe_file = self.path("recipe.textproto")
        with open(self.recipe_file, "w", encoding="utf-8") as file:
            file.write(recipe_text(recipe))

    def path(self, name):
        return os.path.join(self.folder, name)

    def training_file(self, name, images):
        return write_part(self.coco, [image["id"] for image in images], self.path(f"{name}-train.json"))

    def measured(self, name, about, train):
        """The run's figures: from its file, or by doing it. `train(results)` trains, and leaves what is
        detected."""
        figures_file = self.path(f"{name}.json")
        about = {"split": self.split, "every": self.every, **about}
        if os.path.exists(figures_file):
            figures = read_json(figures_file)
            if figures["about"] != about:
                sys.exit(f"{figures_file} is of another run; remove it, or choose another --out")
            return figures
        started = time.monotonic()
        train(self.path(f"{name}-detections.json"))
        seconds = round(time.monotonic() - started)
        overall = json.loads(worker("eval", "--json", "--ground-truth", self.test, "--detections",
                                    self.path(f"{name}-detections.json")))["overall"]
        figures = {"about": about, "ap50": overall["ap50"], "ap": overall["ap"],
                   "seconds": seconds, "cores": len(os.sched_getaffinity(0))}
        with open(figures_file + ".part", "w", encoding="utf-8") as file:
            json.dump(figures, file)
        os.replace(figures_file + ".part", figures_file)
        print(f"{name}: AP50 {figures['ap50']:.4f}, {figures['seconds']} s", flush=True)
        return figures

    def torchvision(self, seed):
        name = f"torchvision-{seed}"

        def train(results):
            case = json.loads(run(program("loupe-bench-detector"), "describe", "small", "").stdout)
            case.update(num_classes=len(self.coco["categories"]), min_size=PIXELS, max_size=PIXELS, seed=seed,
                        images=DATA_SET, train=self.training_file(name, fifth_of(self.train, seed - 1)),
                        test=self.test, weights=WEIGHTS, recipe=self.recipe)
            with open(self.path(f"{name}-case.json"), "w", encoding="utf-8") as file:
                json.dump(case, file)
            subprocess.run(["/usr/bin/python3", os.path.join(HERE, "torchvision_training.py"),
                            self.path(f"{name}-case.json"), results], check=True)

        return self.measured(name, {"recipe": self.recipe, "seed": seed}, train)

    def loupe_training(self, name, recipe_file, images, seed):
        def train(results):
            out = self.path(name)
            subprocess.run(
                [
                    program("loupe-worker"),
                    "train",
                    "--coco",
                    self.training_file(name, images),
                    "--images",
                    DATA_SET,
                    "--recipe",
                    recipe_file,
                    "--init",
                    WEIGHTS,
                    "--seed",
                    str(seed),
                    "--out",
                    out,
                ],
                check=True,
            )
            worker(
                "detect",
                "--weights",
                os.path.join(out, "model.safetensors"),
                "--coco",
                self.test,
                "--images",
                DATA_SET,
                "--out",
                results,
            )

        return train

    def loupe(self, seed):
        name = f"loupe-{seed}"
        return self.measured(
            name,
            {"recipe": self.recipe, "seed": seed},
            self.loupe_training(name, self.recipe_file, fifth_of(self.train, seed - 1), seed),
        )

    def best(self):
        with open(BEST_RECIPE, encoding="utf-8") as file:
            text = file.read()
        return self.measured("loupe-best", {"recipe": text},
                             self.loupe_training("loupe-best", BEST_RECIPE, self.train, seed=1))


def compare(bench, seeds):
    runs = one_a_core(lambda side, seed: side(seed)["ap50"],
                      [(side, seed) for seed in seeds for side in (bench.torchvision, bench.loupe)])
    theirs, ours = runs[0::2], runs[1::2]
    differences = [loupe - torchvision for torchvision, loupe in zip(theirs, ours)]
    figures = {"torchvision_ap50": theirs, "loupe_ap50": ours, "torchvision_mean": statistics.mean(theirs),
               "loupe_mean": statistics.mean(ours), "difference": statistics.mean(differences)}
    print(f"{'':14}{'mean AP50':>10}   each seed")
    for name, values in (("torchvision", theirs), ("Loupe", ours), ("difference", differences)):
        print(f"{name:14}{statistics.mean(values):10.4f}   {'  '.join(f'{value:.4f}' for value in values)}")
    if len(seeds) == len(SEEDS):
        half = STUDENT_T * statistics.stdev(differences) / len(seeds)**0.5
        figures["difference_95"] = [figures["difference"] - half, figures["difference"] + half]
        low, high = figures["difference_95"]
        print(
            f"95 % interval of the difference: {low:+.4f} to {high:+.4f}; "
            "aim: means within 0.02 of each other"
        )
    return figures


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true",
                        help="one seed, a few iterations, every fourth test image: no figure to quote")
    parser.add_argument("--best", action="store_true",
                        help=f"and {os.path.basename(BEST_RECIPE)} on the whole training split")
    parser.add_argument("--tune", action="store_true", help="that recipe alone, measured on the split `val`")
    parser.add_argument("--out", help="folder of the runs; default: under build/")
    args = parser.parse_args()
    name = "neu_det_training" + ("_quick" if args.quick else "") + ("_tune" if args.tune else "")
    folder = args.out or os.path.join(SOURCE, "build", name)
    bench = Bench(folder, "val" if args.tune else "test", 4 if args.quick else 1,
                  {**RECIPE, **(QUICK if args.quick else {})})
    figures = {"benchmark": "neu_det_training", "quick": args.quick, "split": bench.split}
    if args.quick:
        print(f"quick: one seed of {QUICK['iterations']} iterations; the figures mean nothing")
    if not args.tune:
        figures.update(compare(bench, SEEDS[:1] if args.quick else SEEDS))
    if args.best or args.tune:
        best = bench.best()
        figures["best"] = {key: best[key] for key in ("ap50", "ap", "seconds", "cores")}
        print(
            f"Loupe's best recipe: AP50 {best['ap50']:.4f} (aim: above {BEST_AIM}) after {best['seconds']} s "
            f"on {best['cores']} cores (at most {BEST_SECONDS} s on two)"
        )
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
