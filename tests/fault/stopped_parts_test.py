#!/usr/bin/python3
"""A coordinator that is there and doesn't answer: `loupe up` starts it again, and `loupe down` ends it with
all that belongs to it."""
import os
import signal
import socket
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from loupe_programs import Deployment  # noqa: E402


class StoppedPartsTest(unittest.TestCase):
    def setUp(self):
        self.deployment = Deployment()
        self.addCleanup(self.deployment.__exit__)
        self.deployment.loupe("up", "--no-worker")
        self.deployment.loupe("project", "create", "parts", "--classes", "a,b")

    def stop_server(self):
        server = self.deployment.pid("server")
        self.addCleanup(self.kill, server)
        os.kill(server, signal.SIGSTOP)
        return server

    @staticmethod
    def kill(pid):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass

    @staticmethod
    def runs(pid):
        """Not so once it has ended, even if nobody has asked how."""
        try:
            with open(f"/proc/{pid}/cmdline", encoding="utf-8") as file:
                return file.read() != ""
        except FileNotFoundError:
            return False

    def test_up_starts_it_again(self):
        before = self.stop_server()
        began = time.time()
        told = self.deployment.loupe("up", "--no-worker")
        self.assertIn("does not answer: started again", told)
        self.assertLess(time.time() - began, 60)
        self.assertNotEqual(self.deployment.pid("server"), before)
        self.assertIn("parts", self.deployment.loupe("project", "list"))

    def test_a_worker_follows_to_another_port(self):
        """Somebody else listens at the old one, and must not get its token."""
        self.deployment.loupe("up")
        worker = self.deployment.pid("worker")
        address = self.address()
        self.deployment.kill("server")
        host, port = address.rsplit(":", 1)
        with socket.create_server((host, int(port))):
            self.deployment.loupe("up")
            self.assertNotEqual(self.address(), address)
            self.assertNotEqual(self.deployment.pid("worker"), worker)
            here = [w["name"] for w in self.deployment.json("status")["workers"] if w["is_here"]]
            self.assertTrue(any(str(self.deployment.pid("worker")) in name for name in here), here)

    def address(self):
        with open(os.path.join(self.deployment.server_directory, "server.address"), encoding="utf-8") as file:
            return file.read().strip()

    def test_down_ends_it_and_its_database(self):
        self.stop_server()
        postgres = self.deployment.pid("postgres")
        began = time.time()
        told = self.deployment.loupe("down")
        self.assertIn("did not answer, and was killed", told)
        self.assertLess(time.time() - began, 60)
        self.assertFalse(self.runs(postgres))
        self.deployment.loupe("up", "--no-worker")
        self.assertIn("parts", self.deployment.loupe("project", "list"))


if __name__ == "__main__":
    unittest.main(verbosity=2)
