#!/usr/bin/python3
"""Runs every command of docs/detectron2.md, from top to bottom, as somebody does who follows it: in a folder
with Detectron2's output, pictures and their annotations. Trainings are shorter than the recipes there."""
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from loupe_programs import BIN, DATA, SOURCE, read_json, worker  # noqa: E402

GOLDEN = os.path.join(DATA, "golden", "detectron2", "tiny_r50_fpn")
CLASSES = ("crack", "pit", "scratch")
SHORTER = (r"iterations: \d+", "iterations: 2")


def blocks():
    """Of the page: the lists of commands, and the recipes."""
    with open(os.path.join(SOURCE, "docs", "detectron2.md"), encoding="utf-8") as file:
        found = re.findall(r"^( *)```\n(.*?)^\1```$", file.read(), re.DOTALL | re.MULTILINE)
    texts = [text for _, text in found]
    return ([text.splitlines() for text in texts if text.startswith("loupe")],
            [text for text in texts if not text.startswith("loupe")])


class Detectron2DocsTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="loupe-docs-")
        self.addCleanup(shutil.rmtree, self.folder)
        os.chmod(self.folder, 0o755)  # PostgreSQL's own user walks through it
        self.environment = {**os.environ, "HOME": self.folder, "PATH": f"{BIN}:{os.environ['PATH']}"}
        os.mkdir(self.path("output"))
        for name in ("model_final.pth", "config.yaml"):
            shutil.copy(os.path.join(GOLDEN, name), self.path("output"))
        worker("sample", "--out", self.path("parts"), "--images", 60, "--seed", 5)
        os.rename(self.path("parts", "images"), self.path("photos"))
        coco = read_json(self.path("parts", "annotations.json"))
        coco["categories"] = [one for one in coco["categories"] if one["name"] in CLASSES]
        ids = {one["id"] for one in coco["categories"]}
        coco["annotations"] = [box for box in coco["annotations"] if box["category_id"] in ids]
        with open(self.path("annotations.json"), "w", encoding="utf-8") as file:
            json.dump(coco, file)
        shutil.copy(self.path("photos", coco["images"][0]["file_name"]), self.path("photo.jpg"))

    def path(self, *names):
        return os.path.join(self.folder, *names)

    def write_recipe(self, name, text):
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(re.sub(*SHORTER, text))

    def run_line(self, line):
        out = subprocess.run(["bash", "-c", line], cwd=self.folder, env=self.environment, timeout=600,
                             capture_output=True, text=True, check=False)
        self.assertEqual(out.returncode, 0, f"{line}\n{out.stdout}{out.stderr}")
        return out.stdout

    def test_every_command(self):
        (first, back, alone), (rank, train, overrides) = blocks()
        self.assertEqual(len(first), 5, "five commands")
        self.addCleanup(self.run_line, "loupe down --dir ~/loupe")
        self.write_recipe("rank.textproto", rank)
        for line in first:
            self.run_line(line)
        task = json.loads(self.run_line("loupe next --dir ~/loupe"))
        self.assertIn("slice", task["reason"], "the first task")
        self.write_recipe("overrides.textproto", overrides)
        self.run_line("loupe round submit --recipe overrides.textproto --plan --dir ~/loupe")
        self.write_recipe("train.textproto", train)
        self.run_line("loupe round submit --recipe train.textproto --watch --dir ~/loupe")
        for line in back:
            self.run_line(line)
        self.write_recipe("short.textproto", "training { iterations: 2 batch_size: 2 }")
        for line in alone:
            is_training = line.startswith("loupe-worker train")
            out = self.run_line(line + " --recipe short.textproto" if is_training else line)
            if line.startswith("loupe-worker detect"):
                self.assertIn("detections", json.loads(out))
        # What the way back wrote is Detectron2's again.
        again = self.run_line("loupe-worker detect --weights model.pth --config output/config.yaml "
                              "--class-names crack,pit,scratch photo.jpg")
        self.assertIn("detections", json.loads(again))


if __name__ == "__main__":
    unittest.main(verbosity=2)
