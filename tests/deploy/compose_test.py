"""Checks docker-compose.yml and the Dockerfile against each other and the sources, with parsers only.

No container engine runs it: whether the images build is not shown here.
"""
import os
import re
import unittest

import yaml

ROOT = os.environ.get("LOUPE_SOURCE") or os.path.join(os.path.dirname(__file__), "..", "..")


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as file:
        return file.read()


class ComposeTest(unittest.TestCase):
    def setUp(self):
        self.compose = yaml.safe_load(read("docker-compose.yml"))
        self.services = self.compose["services"]
        self.dockerfile = read("deploy/docker/Dockerfile")

    def test_every_target_is_a_stage(self):
        stages = set(re.findall(r"^FROM \S+ AS (\S+)$", self.dockerfile, re.M))
        targets = {s["build"]["target"] for s in self.services.values() if "build" in s}
        self.assertTrue(targets)
        self.assertLessEqual(targets, stages)

    def test_every_volume_is_declared(self):
        used = {v.split(":")[0] for s in self.services.values() for v in s.get("volumes", [])}
        self.assertEqual(used, set(self.compose["volumes"]))

    def test_whoever_waits_for_health_waits_for_a_service_with_a_check(self):
        for name, service in self.services.items():
            for other, how in service.get("depends_on", {}).items():
                self.assertIn(other, self.services, name)
                if how["condition"] == "service_healthy":
                    self.assertIn("healthcheck", self.services[other], f"{name} waits for {other}")

    def test_the_three_parts_stay_up(self):
        for name in ("postgres", "server", "worker"):
            self.assertEqual(self.services[name]["restart"], "unless-stopped")

    def test_package_lists_that_images_name_exist(self):
        for lists in re.findall(r"(?m)^RUN \S*install-deps\.sh((?: [a-z]+)+)", self.dockerfile):
            for package_list in lists.split():
                self.assertTrue(read(f"deploy/packages/{package_list}.txt"))

    def test_what_images_copy_from_the_tree_exists(self):
        for source in re.findall(r"^COPY (?!--from)(\S+) ", self.dockerfile, re.M):
            self.assertTrue(os.path.exists(os.path.join(ROOT, source)), source)

    def test_no_password_is_written_down(self):
        self.assertNotRegex(read("docker-compose.yml"), r"PASSWORD: (?!\$\{)")


if __name__ == "__main__":
    unittest.main()
