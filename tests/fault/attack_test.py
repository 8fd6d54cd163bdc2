#!/usr/bin/python3
"""What somebody without a token does to the coordinator's port, at a limit of 1,024 descriptors: afterwards
it serves as before, and never held more than 300 MB. What gRPC 1.51 doesn't bound by itself is sent to the
front of deploy/haproxy.cfg."""
import gzip
import os
import resource
import socket
import ssl
import struct
import subprocess
import sys
import threading
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import http2  # noqa: E402
from loupe_programs import SOURCE, Deployment, program, run  # noqa: E402

DESCRIPTORS = 1024
MOST_MEMORY = 300 << 20
METHOD = "loupe.v1.ProjectService/ListProjects"
TOKEN = {"authorization": "Bearer nobody's"}


def status_of(pid, key):
    """In bytes."""
    with open(f"/proc/{pid}/status", encoding="utf-8") as file:
        return next(int(line.split()[1]) for line in file if line.startswith(f"{key}:")) << 10


def descriptors_of(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def limited(action):
    """Runs it in a child whose limit, and its children's, is DESCRIPTORS."""
    child = os.fork()
    if child == 0:
        resource.setrlimit(resource.RLIMIT_NOFILE, (DESCRIPTORS, DESCRIPTORS))
        try:
            action()
        except BaseException as error:  # noqa: BLE001: the parent is told by the exit status
            print(error, file=sys.stderr)
            os._exit(1)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


class Attacked(unittest.TestCase):
    """A coordinator; `address` and `ca_cert` are what is attacked."""

    @classmethod
    def setUpClass(cls):
        cls.deployment = Deployment()
        cls.addClassCleanup(cls.deployment.__exit__)
        limited(lambda: cls.deployment.loupe("up", "--no-worker"))
        with open(os.path.join(cls.deployment.server_directory, "server.address"), encoding="utf-8") as file:
            cls.address = file.read().strip()
        cls.ca_cert = None
        cls.deployment.loupe("project", "create", "parts", "--classes", "a,b")
        cls.pid = cls.deployment.pid("server")
        cls.token = os.path.join(cls.deployment.server_directory, "admin.token")

    def setUp(self):
        with open(f"/proc/{self.pid}/clear_refs", "w", encoding="utf-8") as file:
            file.write("5")  # the peak begins anew
        self.before = status_of(self.pid, "VmRSS")

    def connect(self):
        return http2.connect(self.address, self.ca_cert)

    def list_projects(self):
        options = ["--ca-cert", self.ca_cert] if self.ca_cert else []
        run(program("loupe"), "project", "list", "--server", self.address, "--token-file", self.token,
            *options, timeout=30)

    def assert_serves(self):
        self.list_projects()
        self.assertEqual(self.deployment.pid("server"), self.pid, "it is the same process")
        peak = status_of(self.pid, "VmHWM")
        self.assertLess(peak, MOST_MEMORY, f"{self.before >> 20} MiB before")

    def open_more_connections_than_descriptors(self):
        before = descriptors_of(self.pid)
        host, port = self.address.rsplit(":", 1)
        for _ in range(3):
            connections = []
            for _ in range(1050):
                try:
                    connections.append(socket.create_connection((host, int(port)), timeout=10))
                except OSError:
                    break
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
        body = gzip.compress(bytes(1 << 30), 9)
        message = struct.pack(">BI", 1, len(body)) + body
        with self.connect() as connection:
            block = http2.headers(METHOD, **TOKEN, **{"grpc-encoding": "gzip"})
            try:
                connection.sendall(http2.frame(http2.HEADERS, http2.END_HEADERS, 1, block))
                for at in range(0, len(message), 1 << 14):
                    connection.sendall(http2.frame(http2.DATA, 0, 1, message[at : at + (1 << 14)]))
                connection.sendall(http2.frame(http2.DATA, http2.END_STREAM, 1))
                connection.settimeout(3)
                for _ in http2.read_frames(connection):
                    pass
            except OSError:
                pass
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
        certificates = cls.deployment.path("certificates")
        run(os.path.join(SOURCE, "deploy", "make-ca.sh"), certificates, "127.0.0.1")
        cls.ca_cert = os.path.join(certificates, "ca.pem")
        both = os.path.join(certificates, "front.pem")
        with open(both, "w", encoding="utf-8") as file:
            for name in ("server.pem", "server.key"):
                with open(os.path.join(certificates, name), encoding="utf-8") as part:
                    file.write(part.read())
        with socket.create_server(("127.0.0.1", 0)) as free:
            front = f"127.0.0.1:{free.getsockname()[1]}"
        environment = {**os.environ, "LOUPE_LISTEN": front, "LOUPE_CERT": both,
                       "LOUPE_COORDINATOR": cls.address}
        haproxy = subprocess.Popen(
            ["/usr/sbin/haproxy", "-db", "-f", os.path.join(SOURCE, "deploy", "haproxy.cfg")],
            env=environment, stdout=subprocess.DEVNULL)
        cls.addClassCleanup(haproxy.wait)
        cls.addClassCleanup(haproxy.kill)
        cls.haproxy = haproxy.pid
        cls.address = front
        deadline = time.time() + 10
        while True:
            try:
                socket.create_connection(front.rsplit(":", 1), timeout=1).close()
                break
            except OSError:
                assert time.time() < deadline, "haproxy doesn't listen"
                time.sleep(0.1)

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
        reset = struct.pack(">I", http2.CANCEL)

        def attack():
            end = time.time() + 8
            while time.time() < end:
                try:
                    with self.connect() as connection:
                        connection.settimeout(0.01)
                        stream = 1
                        while time.time() < end:
                            burst = []
                            for _ in range(200):
                                burst.append(http2.frame(http2.HEADERS, http2.END_HEADERS, stream, block))
                                burst.append(http2.frame(http2.RST_STREAM, 0, stream, reset))
                                stream += 2
                            connection.settimeout(5)
                            connection.sendall(b"".join(burst))
                            connection.settimeout(0.0001)
                            try:
                                if not connection.recv(1 << 16):
                                    break
                            except (TimeoutError, ssl.SSLWantReadError):
                                pass
                except OSError:
                    time.sleep(0.01)

        attackers = [threading.Thread(target=attack) for _ in range(2)]
        for attacker in attackers:
            attacker.start()
        for attacker in attackers:
            attacker.join()

    def test_streams_that_are_opened_and_reset_at_once(self):
        self.rapid_reset()
        self.assert_serves()

    def test_streams_with_a_wrong_token_that_are_reset_at_once(self):
        self.rapid_reset(**TOKEN)
        time.sleep(3)  # until the address may send again
        self.assert_serves()

    def test_many_open_streams_on_one_connection(self):
        with self.connect() as connection:
            block = http2.headers(METHOD, **TOKEN)
            try:
                for stream in range(1, 60_001, 2):
                    connection.sendall(http2.frame(http2.HEADERS, http2.END_HEADERS, stream, block))
                connection.settimeout(2)
                for _ in http2.read_frames(connection):
                    pass
            except OSError:
                pass
        time.sleep(3)
        self.assert_serves()

    def test_calls_that_one_address_keeps_open(self):
        """They never send their message. Another address is served meanwhile."""
        block = http2.headers(METHOD, **TOKEN)
        connections = [http2.connect(self.address, self.ca_cert, source="127.0.0.2") for _ in range(60)]
        for connection in connections:
            for stream in range(1, 200, 2):
                connection.sendall(http2.frame(http2.HEADERS, http2.END_HEADERS, stream, block))
            time.sleep(0.03)  # fewer calls a second than one address may send
        time.sleep(1)
        began = time.time()
        self.assert_serves()
        self.assertLess(time.time() - began, 8)
        for connection in connections:
            connection.close()

    def test_bodies_before_the_token_is_known(self):
        """300 connections with 100 calls each, whose messages of 4 MiB stay unfinished."""
        start = struct.pack(">BI", 0, (4 << 20) - 1) + bytes(16_000)
        block = http2.headers(METHOD, **TOKEN)
        connections = []
        for _ in range(300):
            try:
                connection = self.connect()
                for stream in range(1, 200, 2):
                    connection.sendall(http2.frame(http2.HEADERS, http2.END_HEADERS, stream, block))
                connections.append(connection)
                for stream in range(1, 8, 2):
                    connection.sendall(http2.frame(http2.DATA, 0, stream, start))
            except OSError:
                pass
        time.sleep(2)
        for connection in connections:
            connection.close()
        time.sleep(3)
        self.assert_serves()


if __name__ == "__main__":
    unittest.main(verbosity=2)
