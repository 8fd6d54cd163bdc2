#!/usr/bin/python3
"""deploy/fetch-weights.sh against a server on this machine."""
import hashlib
import http.server
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import unittest

import torch
import torchvision

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from loupe_programs import BIN, SOURCE, Deployment  # noqa: E402

SCRIPT = os.path.join(SOURCE, "deploy", "fetch-weights.sh")


class Files(http.server.SimpleHTTPRequestHandler):
    asked = []

    def do_GET(self):
        self.asked.append(self.path)
        super().do_GET()

    def log_message(self, *_):
        pass


def digits(path):
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()[:8]


class FetchWeightsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.deployment = cls.enterClassContext(Deployment())
        cls.deployment.loupe("project", "create", "parts", "--classes", "a,b")
        cls.folder = tempfile.mkdtemp(prefix="loupe-weights-")
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        torch.manual_seed(1)
        cls.files = {}
        for name in ("resnet18", "resnet50"):
            path = os.path.join(cls.folder, name)
            torch.save(getattr(torchvision.models, name)(weights=None).state_dict(), path)
            cls.files[name] = f"{name}-{digits(path)}.pth"
            os.rename(path, os.path.join(cls.folder, cls.files[name]))
        detector = torchvision.models.detection.fasterrcnn_resnet50_fpn(weights=None, weights_backbone=None)
        path = os.path.join(cls.folder, "detector")
        torch.save(detector.state_dict(), path, _use_new_zipfile_serialization=False)
        cls.files["detector"] = f"fasterrcnn_resnet50_fpn_coco-{digits(path)}.pth"
        os.rename(path, os.path.join(cls.folder, cls.files["detector"]))
        server = http.server.ThreadingHTTPServer(
            ("127.0.0.1", 0), lambda *args: Files(*args, directory=cls.folder))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        cls.addClassCleanup(server.server_close)
        cls.addClassCleanup(server.shutdown)
        cls.url = f"http://127.0.0.1:{server.server_port}"

    def setUp(self):
        self.kept = tempfile.mkdtemp(prefix="loupe-kept-")
        self.addCleanup(shutil.rmtree, self.kept)
        Files.asked.clear()

    def fetch(self, preset, url, name="pretrained"):
        environment = {**os.environ, "LOUPE_WEIGHTS_URL": url, "LOUPE_WEIGHTS_DIR": self.kept,
                       "PATH": f"{BIN}:{os.environ['PATH']}", "no_proxy": "127.0.0.1"}
        return subprocess.run([SCRIPT, preset, "--dir", self.deployment.server_directory, "--name", name],
                              env=environment, capture_output=True, text=True, timeout=120, check=False)

    def refused(self, preset, url):
        out = self.fetch(preset, url)
        self.assertNotEqual(out.returncode, 0)
        self.assertEqual(self.deployment.json("model", "list")["models"], self.models)
        return out.stderr

    def test_what_is_fetched_is_a_model_to_start_from(self):
        out = self.fetch("small", f"{self.url}/{self.files['resnet18']}", "imagenet")
        self.assertEqual(out.returncode, 0, out.stderr)
        model = self.deployment.json("model", "show", "imagenet")
        self.assertEqual((model["preset"], model["state"]), ("small", "candidate"))
        again = self.fetch("resnet18-fpn", f"{self.url}/{self.files['resnet18']}", "whole")
        self.assertEqual(again.returncode, 0, again.stderr)
        self.assertEqual(len(Files.asked), 1, "it is kept")
        with open(os.path.join(self.kept, self.files["resnet18"]), "r+b") as kept:
            kept.truncate(1000)
        mended = self.fetch("resnet18-fpn", f"{self.url}/{self.files['resnet18']}", "mended")
        self.assertEqual((mended.returncode, len(Files.asked)), (0, 2), "what is broken is fetched again")

    def test_a_whole_detector_as_pytorch_saved_it_before_1_6(self):
        out = self.fetch("resnet50-fpn", f"{self.url}/{self.files['detector']}", "coco")
        self.assertEqual(out.returncode, 0, out.stderr)
        self.assertEqual(self.deployment.json("model", "show", "coco")["preset"], "resnet50-fpn")

    def test_what_does_not_fit_changes_nothing(self):
        self.models = self.deployment.json("model", "list")["models"]
        self.assertIn("another shape", self.refused("small", f"{self.url}/{self.files['resnet50']}"))
        self.assertIn("can't be fetched", self.refused("small", f"{self.url}/none"))
        shutil.copy(os.path.join(self.folder, self.files["resnet18"]),
                    os.path.join(self.folder, "resnet18-f37072fd.pth"))
        said = self.refused("small", self.url)
        self.assertIn("its SHA-256 doesn't begin with f37072fd", said)
        self.assertEqual(os.listdir(self.kept), [self.files["resnet50"]])
        self.assertIn("must end in -12345678.pth", self.refused("small", f"{self.url}/weights.pth"))
        self.assertIn("usage: deploy/fetch-weights.sh PRESET", self.refused("large", self.url))


if __name__ == "__main__":
    unittest.main(verbosity=2)
