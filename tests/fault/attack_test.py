#!/usr/bin/python3
"""What somebody without a token does to the coordinator's port, at a limit of 1,024 descriptors: afterwards
it serves as before, and never held more than 300 MB. What gRPC 1.51 doesn't bound by itself is sent to the
front of deploy/haproxy.cfg."""
import os
import sys
import threading
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import attacks  # noqa: E402
import http2  # noqa: E402
from front import Front  # noqa: E402
from loupe_programs import Deployment, program, run  # noqa: E402
from processes import descriptors_of, forget_peak_of, status_of, with_descriptors  # noqa: E402

DESCRIPTORS = 1024
MOST_MEMORY = 300 << 20
METHOD = "loupe.v1.ProjectService/ListProjects"
TOKEN = {"authorization": "Bearer nobody's"}


class Attacked(unittest.TestCase):
    """A coordinator; `address` and `ca_cert` are what is attacked."""

    @classmethod
    def setUpClass(cls):
        cls.deployment = Deployment()
        cls.addClassCleanup(cls.deployment.__exit__)
        with_descriptors(DESCRIPTORS, lambda: cls.deployment.loupe("up", "--no-worker"))
        with open(os.path.join(cls.deployment.server_directory, "server.address"), encoding="utf-8") as file:
            cls.address = file.read().strip()
        cls.ca_cert = None
        cls.deployment.loupe("project", "create", "parts", "--classes", "a,b")
        cls.pid = cls.deployment.pid("server")
        cls.token = os.path.join(cls.deployment.server_directory, "admin.token")

    def setUp(self):
        forget_peak_of(self.pid)
        self.before = status_of(self.pid, "VmRSS")

    def connect(self):
        return http2.connect(self.address, self.ca_cert)

    def list_projects(self):
        options = ["--ca-cert", self.ca_cert] if self.ca_cert else []
        run(program("loupe"), "project", "list", "--server", self.address, "--token-file", self.token,
            *options, timeout=30)

    def assert_serves(self):
        """Within 30 seconds: a front that was flooded refuses its address for a moment."""
        deadline = time.time() + 30
        while True:
            try:
                self.list_projects()
                break
            except AssertionError:
                if time.time() > deadline:
                    raise
            time.sleep(0.5)
        self.assertEqual(self.deployment.pid("server"), self.pid, "it is the same process")
        peak = status_of(self.pid, "VmHWM")
        self.assertLess(peak, MOST_MEMORY, f"{self.before >> 20} MiB before")

    def open_more_connections_than_descriptors(self):
        before = descriptors_of(self.pid)
        for _ in range(3):
            connections = attacks.open_connections(self.address, 1050)
            time.sleep(0.5)
            self.assertLess(descriptors_of(self.pid), DESCRIPTORS - 100, "it keeps some for itself")
            for connection in connections:
                connection.close()
            self.assert_serves()
        deadline = time.time() + 30
        while descriptors_of(self.pid) > before + 10 and time.time() < deadline:
            time.sleep(0.5)
        self.assertLessEqual(descriptors_of(self.pid), before + 10)

    def send_a_compressed_body(self):
        attacks.send_compressed(
            self.connect, http2.headers(METHOD, **TOKEN, **{"grpc-encoding": "gzip"}))
        self.assert_serves()


class CoordinatorTest(Attacked):
    def test_more_connections_than_descriptors(self):
        self.open_more_connections_than_descriptors()

    def test_a_body_that_is_compressed(self):
        self.send_a_compressed_body()


class FrontTest(Attacked):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        front = Front(cls.deployment, cls.address)
        cls.addClassCleanup(front.end)
        cls.address, cls.ca_cert, cls.haproxy = front.address, front.ca_cert, front.pid

    def assert_serves(self):
        super().assert_serves()
        self.assertLess(status_of(self.haproxy, "VmRSS"), MOST_MEMORY)

    def test_what_clients_do_goes_through_it(self):
        deployment = self.deployment
        images = deployment.path("parts")
        run(program("loupe-worker"), "sample", "--out", images, "--images", 12)
        run(program("loupe"), "import", "--images", os.path.join(images, "images"), "--project", "parts",
            "--server", self.address, "--token-file", self.token, "--ca-cert", self.ca_cert)
        task = run(program("loupe"), "next", "--server", self.address, "--token-file", self.token,
                   "--ca-cert", self.ca_cert).stdout
        self.assertIn("task_id", task)
        nobody = deployment.path("nobody.token")
        with open(nobody, "w", encoding="utf-8") as file:
            file.write("loupe_wrong\n")
        refused = run(program("loupe"), "project", "list", "--server", self.address, "--token-file", nobody,
                      "--ca-cert", self.ca_cert, check=False)
        self.assertIn("UNKNOWN_TOKEN", refused.stderr)

    def test_more_connections_than_descriptors(self):
        self.open_more_connections_than_descriptors()

    def test_a_body_that_is_compressed(self):
        self.send_a_compressed_body()

    def rapid_reset(self, **more):
        block = http2.headers(METHOD, **more)
        attackers = [threading.Thread(target=attacks.open_and_reset, args=(self.connect, block, 8))
                     for _ in range(2)]
        for attacker in attackers:
            attacker.start()
        for attacker in attackers:
            attacker.join()

    def test_streams_that_are_opened_and_reset_at_once(self):
        self.rapid_reset()
        self.assert_serves()

    def test_streams_with_a_wrong_token_that_are_reset_at_once(self):
        self.rapid_reset(**TOKEN)
        self.assert_serves()

    def test_many_open_streams_on_one_connection(self):
        with self.connect() as connection:
            try:
                attacks.open_streams(connection, http2.headers(METHOD, **TOKEN), 30_000)
            except OSError:
                pass
            attacks.drain(connection, 2)
        self.assert_serves()

    def test_calls_that_one_address_keeps_open(self):
        """They never send their message. Another address is served meanwhile."""
        block = http2.headers(METHOD, **TOKEN)
        connections = [http2.connect(self.address, self.ca_cert, source="127.0.0.2") for _ in range(60)]
        for connection in connections:
            attacks.open_streams(connection, block, 100)
            time.sleep(0.03)  # fewer calls a second than one address may send
        time.sleep(1)
        began = time.time()
        self.assert_serves()
        self.assertLess(time.time() - began, 8)
        for connection in connections:
            connection.close()

    def test_bodies_before_the_token_is_known(self):
        """300 connections with 100 calls each, whose messages of 4 MiB stay unfinished."""
        block = http2.headers(METHOD, **TOKEN)
        connections = []
        for _ in range(300):
            try:
                connection = self.connect()
                connections.append(connection)
                attacks.begin_bodies(connection, block, streams=100, bodies=4)
            except OSError:
                pass
        time.sleep(2)
        for connection in connections:
            connection.close()
        self.assert_serves()


if __name__ == "__main__":
    unittest.main(verbosity=2)
