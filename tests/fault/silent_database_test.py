#!/usr/bin/python3
"""PostgreSQL takes what is sent to it and never answers, as behind a broken switch: calls end at their
deadlines, the health check says it, the coordinator comes back by itself, and it can be ended at any time."""
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from health import is_serving  # noqa: E402
from load import wait_for  # noqa: E402
from loupe_programs import Deployment, program, run  # noqa: E402


class Proxy:
    """A Unix socket before PostgreSQL's own. While `silent`, it reads from both sides and passes nothing
    on."""

    def __init__(self, upstream):
        self.folder = tempfile.mkdtemp(prefix="loupe-proxy-")
        os.chmod(self.folder, 0o755)
        self.upstream = upstream
        self.silent = threading.Event()
        path = os.path.join(self.folder, ".s.PGSQL.5432")
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        os.chmod(path, 0o777)
        self.listener.listen(100)
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            client, _ = self.listener.accept()
            server = socket.socket(socket.AF_UNIX)
            server.connect(self.upstream)
            for source, target in ((client, server), (server, client)):
                threading.Thread(target=self._pass, args=(source, target), daemon=True).start()

    def _pass(self, source, target):
        try:
            while data := source.recv(1 << 16):
                if not self.silent.is_set():
                    target.sendall(data)
        except OSError:
            pass
        for end in (source, target):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # the other thread was first
            end.close()


class SilentDatabaseTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.deployment = Deployment()
        cls.addClassCleanup(cls.deployment.__exit__)
        cls.deployment.loupe("up", "--no-worker")
        cls.deployment.loupe("project", "create", "parts", "--classes", "a,b")
        cls.proxy = Proxy(os.path.join(cls.deployment.server_directory, "postgres", ".s.PGSQL.5432"))
        cls.number = 0

    def setUp(self):
        self.proxy.silent.clear()

    def start(self):
        """Another coordinator over the same database, through the proxy."""
        type(self).number += 1
        folder = self.deployment.path(f"other-{self.number}")
        server = subprocess.Popen(
            [program("loupe-server"), "--data-dir", folder, "--listen", "127.0.0.1:0",
             "--database-url", f"host={self.proxy.folder} user=loupe dbname=loupe"],
            stderr=subprocess.DEVNULL)
        self.addCleanup(server.wait)
        self.addCleanup(server.kill)
        return server, os.path.join(folder, "server.address")

    def serving(self):
        server, address_file = self.start()
        wait_for(lambda: os.path.exists(address_file), 30)
        with open(address_file, encoding="utf-8") as file:
            return server, file.read().strip()

    def list_projects(self, address, **options):
        token = os.path.join(self.deployment.server_directory, "admin.token")
        return run(program("loupe"), "project", "list", "--server", address, "--token-file", token, **options)

    def end(self, server):
        began = time.time()
        server.send_signal(signal.SIGTERM)
        server.wait(timeout=20)
        return time.time() - began

    def test_it_says_so_and_comes_back(self):
        server, address = self.serving()
        self.list_projects(address)
        self.assertTrue(is_serving(address))
        self.proxy.silent.set()
        wait_for(lambda: not is_serving(address), 15)
        began = time.time()
        failed = self.list_projects(address, check=False)
        self.assertEqual(failed.returncode, 1, failed.stdout)
        self.assertLess(time.time() - began, 70, "no call outlasts its deadline")
        self.proxy.silent.clear()
        wait_for(lambda: is_serving(address), 15)
        began = time.time()
        self.list_projects(address)
        self.assertLess(time.time() - began, 15)
        self.assertIsNone(server.poll())
        self.assertLess(self.end(server), 15)

    def test_it_ends_while_calls_wait(self):
        server, address = self.serving()
        self.list_projects(address)
        self.proxy.silent.set()
        calls = [threading.Thread(target=self.list_projects, args=(address,), kwargs={"check": False})
                 for _ in range(4)]
        for call in calls:
            call.start()
        time.sleep(1)
        self.assertLess(self.end(server), 15)
        for call in calls:
            call.join()

    def test_it_ends_before_it_serves(self):
        self.proxy.silent.set()
        server, address_file = self.start()
        time.sleep(2)
        self.assertLess(self.end(server), 15)
        self.assertFalse(os.path.exists(address_file))


if __name__ == "__main__":
    unittest.main(verbosity=2)
