#!/usr/bin/python3
"""A checkpoint that is broken on the coordinator's disk is left for the one before it, saving goes on, and
the weights are those of a training that nothing happened to. If both are broken, training starts at the
beginning."""
import os
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from loupe_programs import Deployment, program, read_json, run, worker, write_lines  # noqa: E402

RECIPE = """
detector { preset: "small" min_size: 96 max_size: 96 }
training { iterations: 80 batch_size: 2 checkpoint_interval: 4 }
prediction { mirrored: false }
"""
CHECKPOINTS = """
SELECT checkpoint_iteration, encode(checkpoint_sha256, 'hex'),
       previous_checkpoint_iteration, encode(previous_checkpoint_sha256, 'hex')
FROM job JOIN round ON round.id = job.round_id WHERE job.kind = 'train' AND round.number = {round};
"""
END_LEASES = "UPDATE lease SET expires_at = now() - interval '1 second' WHERE purpose = 'job';"


def read(path):
    with open(path, "rb") as file:
        return file.read()


class BrokenCheckpointTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.deployment = Deployment()
        cls.addClassCleanup(cls.deployment.__exit__)
        folder = cls.deployment.path("parts")
        worker("sample", "--out", folder, "--images", 20, "--seed", 1)
        annotations = os.path.join(folder, "annotations.json")
        coco = read_json(annotations)
        classes = ",".join(c["name"] for c in sorted(coco["categories"], key=lambda c: c["id"]))
        labelled = write_lines(cls.deployment.path("labelled.txt"), [image["id"] for image in coco["images"]])
        cls.deployment.up()
        cls.deployment.loupe("project", "create", "parts", "--classes", classes, "--seed", "1")
        cls.deployment.loupe("import", "--images", os.path.join(folder, "images"), "--coco", annotations,
                             "--labelled", f"@{labelled}", "--blind")
        cls.recipe = cls.deployment.path("recipe.textproto")
        write_lines(cls.recipe, [RECIPE])
        cls.whole = cls.weights(cls.submit())

    @classmethod
    def submit(cls):
        return cls.deployment.json("round", "submit", "--recipe", cls.recipe)["number"]

    @classmethod
    def weights(cls, number):
        """Of the round's model, once the round is done."""
        run(program("loupe"), "round", "watch", number, "--dir", cls.deployment.server_directory)
        shown = cls.deployment.json("round", "show", number)
        path = cls.deployment.path(f"model-{number}.safetensors")
        cls.deployment.loupe("model", "export", str(shown["model"]), "--out", path)
        return read(path)

    def checkpoints(self, number):
        """(iteration, hash) of the last one and of the one before it."""
        fields = (self.deployment.psql(CHECKPOINTS.format(round=number)) or "0||0|").split("|")
        return (int(fields[0]), fields[1]), (int(fields[2]), fields[3])

    def damage(self, checkpoint):
        path = os.path.join(self.deployment.server_directory, "blobs", checkpoint[:2], checkpoint[2:])
        with open(path, "r+b") as file:
            file.seek(os.path.getsize(path) // 2)
            file.write(b"damaged")
        cached = os.path.join(self.deployment.server_directory, "worker-cache", checkpoint)
        if os.path.exists(cached):
            os.remove(cached)

    def kill_with_two_checkpoints(self, number):
        deadline = time.monotonic() + 120
        while self.checkpoints(number)[1][0] < 8:
            self.assertLess(time.monotonic(), deadline, self.deployment.log("worker"))
            time.sleep(0.02)
        self.assertTrue(self.deployment.kill("worker"))
        self.deployment.psql(END_LEASES)
        return self.checkpoints(number)

    def test_the_one_before_it_is_taken(self):
        number = self.submit()
        last, before = self.kill_with_two_checkpoints(number)
        self.damage(last[1])
        self.deployment.up()
        weights = self.weights(number)
        self.assertEqual(weights, self.whole)
        self.assertIn(f"goes on from iteration {before[0]}", self.deployment.log("worker"))
        self.assertEqual(self.checkpoints(number)[0][0], 76, "saving went on")

    def test_without_any_it_starts_at_the_beginning(self):
        number = self.submit()
        for checkpoint in self.kill_with_two_checkpoints(number):
            self.damage(checkpoint[1])
        self.deployment.up()
        self.assertEqual(self.weights(number), self.whole)
        self.assertEqual(self.checkpoints(number)[0][0], 76)


if __name__ == "__main__":
    unittest.main(verbosity=2)
