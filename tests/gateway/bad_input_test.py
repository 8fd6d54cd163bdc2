#!/usr/bin/python3
"""What no well-behaved browser or program sends to the gateway: one real coordinator, with a limit of 1,024
descriptors, is sent all of it. It is refused, changes nothing, and the next good request is served."""
import base64
import contextlib
import ctypes
import glob
import gzip
import hashlib
import itertools
import json
import os
import random
import resource
import select
import signal
import struct
import sys
import threading
import time
import unittest
import uuid
import zlib

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import http1  # noqa: E402
from http1 import Connection, envelope, json_of, messages_in, request  # noqa: E402
from loupe_programs import Deployment  # noqa: E402
from processes import descriptors_of, forget_peak_of, status_of, with_descriptors  # noqa: E402

DESCRIPTORS = 1024
MOST_MEMORY = 300 << 20
ROLES = ("annotator", "engineer", "viewer", "worker")
PROJECTS = "/loupe.v1.ProjectService/"
SESSIONS = "/loupe.v1.SessionService/"
LIST = PROJECTS + "ListProjects"
CREATE = PROJECTS + "CreateProject"
READ = "/loupe.v1.ImageService/ReadImage"
JSON = {"Content-Type": "application/json"}
STREAM = {"Content-Type": "application/connect+json"}
POLICIES = ("content-security-policy", "x-content-type-options", "referrer-policy")


def write_png(path, width, height, seed):
    """Noise, which hardly gets smaller."""
    dice = random.Random(seed)

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = b"".join(b"\0" + dice.randbytes(3 * width) for _ in range(height))
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows, 1))
    data += chunk(b"IEND", b"")
    with open(path, "wb") as file:
        file.write(data)
    return data


class World:
    """The coordinator of all tests."""

    def __init__(self):
        self.deployment = Deployment()
        self.up()
        self.deployment.loupe("project", "create", "parts", "--classes", "a,b")
        self.address = self._line_of(self.deployment.path("server", "http.address"))
        self.cookie = "loupe_session_" + self.address.rsplit(":", 1)[1]
        self.tokens = {"admin": self._line_of(self.deployment.path("server", "admin.token"))}
        for role in ROLES:
            self.tokens[role] = self.new_token(role, role)
        images = self.deployment.path("images")
        os.mkdir(images)
        self.pictures = {
            name: write_png(os.path.join(images, f"{name}.png"), side, side, seed)
            for name, side, seed in (("small", 60, 1), ("removed", 50, 2), ("large", 1200, 3))
        }
        self.deployment.loupe("import", "--images", images)

    def up(self):
        """Also after a test has ended the coordinator; it keeps its addresses."""
        with_descriptors(DESCRIPTORS, lambda: self.deployment.loupe("up", "--no-worker"))
        self.pid = self.deployment.pid("server")

    @staticmethod
    def _line_of(path):
        with open(path, encoding="utf-8") as file:
            return file.read().strip()

    def new_token(self, role, name):
        path = self.deployment.path(f"{name}.token")
        self.deployment.loupe("token", "create", "--role", role, "--name", name, "--out", path)
        return self._line_of(path)

    def path_of(self, picture):
        return "/images/" + hashlib.sha256(self.pictures[picture]).hexdigest()


world = None


def setUpModule():
    global world
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 1 << 16) if hard > 0 else 1 << 16, hard))
    world = World()
    unittest.addModuleCleanup(world.deployment.__exit__)


class GatewayTest(unittest.TestCase):
    """Afterwards the same process serves, and nobody has made a project."""

    numbers = itertools.count()

    def setUp(self):
        if not os.path.exists(f"/proc/{world.pid}/exe"):
            world.up()
        self.expected = self.projects()

    def tearDown(self):
        self.assertTrue(os.path.exists(f"/proc/{world.pid}/exe"), "the coordinator has ended")
        self.assertEqual(self.projects(), self.expected)

    def connect(self, timeout=10):
        return Connection(world.address, timeout)

    def check(self, answer):
        for name in POLICIES:
            self.assertIn(name, answer.headers, answer)
        self.assertIn("default-src 'none'", answer.headers["content-security-policy"])
        self.assertEqual(answer.headers["x-content-type-options"], "nosniff")
        self.assertFalse([name for name in answer.headers if name.startswith("access-control-")], answer)
        return answer

    def ask(self, method, target, headers=(), body=b"", host=None):
        return self.check(http1.ask(world.address, method, target, headers, body, host))

    def bearer(self, role="admin"):
        return {"Authorization": f"Bearer {world.tokens[role]}"}

    def call(self, path, message, role="admin", **headers):
        body = message if isinstance(message, bytes) else json.dumps(message).encode()
        credentials = self.bearer(role) if role else {}
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.ask("POST", path, {**JSON, **credentials, **headers}, body)

    def projects(self):
        answer = self.call(LIST, {})
        self.assertEqual(answer.status, 200, answer)
        return sorted(project["name"] for project in json_of(answer)["projects"])

    def new_project(self):
        """(name, message of CreateProject)."""
        name = f"smuggled-{next(self.numbers)}"
        return name, {"requestId": str(uuid.uuid4()), "name": name, "classes": ["a"]}

    def creation(self, host=None, **headers):
        """(name, bytes): a good request with an effect."""
        name, message = self.new_project()
        body = json.dumps(message).encode()
        return name, request("POST", CREATE, host or world.address, {**JSON, **self.bearer(), **headers},
                             body)

    def refused_once(self, data, statuses=range(400, 600)):
        """One answer, then the end; what follows the data is no request."""
        _, second = self.creation()
        answers, ended = [], True
        with self.connect(timeout=4) as connection:
            connection.send_some(data + second)
            try:
                answers.extend(connection.answers_until_the_end())
            except TimeoutError:
                ended = False
        before, self.expected = self.expected, self.projects()
        seen = [answer.status for answer in answers]
        self.assertEqual(self.expected, before, f"a second request was seen, answers {seen}, after {data!r}")
        self.assertEqual(len(seen), 1, f"answers {seen} to {data!r}")
        self.assertTrue(ended, f"the connection stays open, answers {seen}, after {data!r}")
        self.assertIn(seen[0], statuses, (data, answers[0]))
        self.assertEqual(answers[0].headers.get("connection"), "close")
        self.check(answers[0])
        return answers[0]

    def all_refused(self, cases, statuses=range(400, 600)):
        for name, data in cases.items():
            with self.subTest(name):
                self.refused_once(data, statuses)

    def login(self, secret, field="token", **headers):
        answer = self.ask("POST", "/session", {**JSON, **headers}, json.dumps({field: secret}).encode())
        self.assertEqual(answer.status, 200, answer)
        return answer.headers["set-cookie"].split(";")[0].split("=", 1)[1]

    def with_session(self, secret, path=LIST, message=None, name=None, **headers):
        own = {"Cookie": f"{name or world.cookie}={secret}", "Origin": f"http://{world.address}", **headers}
        own = {name.replace("_", "-"): value for name, value in own.items() if value is not None}
        return self.ask("POST", path, {**JSON, **own}, json.dumps(message or {}).encode())

    def refused_within(self, seconds, secret):
        began = time.time()
        while (status := self.with_session(secret).status) == 200 and time.time() < began + 5:
            time.sleep(0.1)
        self.assertEqual(status, 401)
        self.assertLess(time.time() - began, seconds)


def lines(*parts, body=b"", end=b"\r\n"):
    return end.join(part if isinstance(part, bytes) else part.encode("latin-1") for part in parts) + (
        end * 2) + body


class FramingTest(GatewayTest):
    """Where one request ends and the next begins."""

    def call_head(self, *more, version="1.1"):
        return (f"POST {LIST} HTTP/{version}", f"Host: {world.address}",
                f"Authorization: Bearer {world.tokens['admin']}", "Content-Type: application/json", *more)

    def test_what_comes_behind_a_request_counts_so_the_others_prove_something(self):
        name, second = self.creation()
        first = lines(*self.call_head("Transfer-Encoding: chunked"), body=b"2\r\n{}\r\n0\r\n\r\n")
        with self.connect() as connection:
            connection.send(first + second)
            self.assertEqual([connection.answer().status for _ in range(2)], [200, 200])
        self.expected = sorted([*self.expected, name])

    def test_lengths(self):
        call = self.call_head
        chunks = b"0\r\n\r\n"
        self.all_refused({
            "both": lines(*call("Content-Length: 5", "Transfer-Encoding: chunked"), body=chunks),
            "both, turned": lines(*call("Transfer-Encoding: chunked", "Content-Length: 5"), body=chunks),
            "both, short": lines(*call("Transfer-Encoding: chunked", "Content-Length: 0"), body=chunks),
            "two equal": lines(*call("Content-Length: 2", "Content-Length: 2"), body=b"{}"),
            "two": lines(*call("Content-Length: 2", "Content-Length: 0"), body=b"{}"),
            **{f"length {value!r}": lines(*call(f"Content-Length: {value}"), body=b"{}")
               for value in ("2, 2", "2,2", "-2", "+2", "0x2", "2 2", "", "2;", "1e0", "two", "2\x0b",
                             "\"2\"",
                             "18446744073709551618", "99999999999999999999", "340282366920938463463374607431"
                             "768211458")},
            "space before the colon": lines(*call("Content-Length : 2"), body=b"{}"),
        })

    def test_transfer_encodings(self):
        call = self.call_head
        chunks = b"2\r\n{}\r\n0\r\n\r\n"
        self.all_refused({
            **{f"{value!r}": lines(*call(f"Transfer-Encoding: {value}"), body=chunks)
               for value in ("chunked, chunked", "identity", "xchunked", "gzip, chunked", "chunked, identity",
                             "chunked;q=1", "chunked,", ", chunked", "\x0bchunked", "\"chunked\"",
                             "chunked\x00",
                             "cow", "")},
            "twice": lines(*call("Transfer-Encoding: chunked", "Transfer-Encoding: chunked"), body=chunks),
            "twice, another": lines(*call("Transfer-Encoding: chunked", "Transfer-Encoding: x"), body=chunks),
            "twice, one empty": lines(*call("Transfer-Encoding:", "Transfer-Encoding: chunked"), body=chunks),
            "empty and a length": lines(*call("Transfer-Encoding:", "Content-Length: 2"), body=b"{}"),
            "space before the colon": lines(*call("Transfer-Encoding : chunked"), body=chunks),
            "tab before the colon": lines(*call("Transfer-Encoding\t: chunked"), body=chunks),
            "folded": lines(*call("Transfer-Encoding:", " chunked"), body=chunks),
            "behind a bare line feed": lines(*call("X: y\nTransfer-Encoding: chunked"), body=chunks),
            "of HTTP/1.0": lines(*call("Transfer-Encoding: chunked", version="1.0"), body=chunks),
            "of HTTP/1.0, kept": lines(*call("Transfer-Encoding: chunked", "Connection: keep-alive",
                                             version="1.0"), body=chunks),
        })

    def test_chunks(self):
        self.all_refused({
            f"{chunks!r}": lines(*self.call_head("Transfer-Encoding: chunked"), body=chunks)
            for chunks in (b"-2\r\n{}\r\n0\r\n\r\n", b"0x2\r\n{}\r\n0\r\n\r\n", b"+2\r\n{}\r\n0\r\n\r\n",
                           b"ffffffffffffffffff\r\n{}\r\n0\r\n\r\n", b"10000000000000002\r\n{}\r\n0\r\n\r\n",
                           b"ffffffffffffffff\r\n{}\r\n0\r\n\r\n", b"2\n{}\n0\n\n", b"2\n{}\r\n0\r\n\r\n",
                           b"2\r\n{}\n0\r\n\r\n", b"2\r\n{}\r\n0\n\n", b"2\r{}\r0\r\r",
                           b"\r\n{}\r\n0\r\n\r\n",
                           b"2\r\n{}0\r\n\r\n", b"2\r\n{}XX0\r\n\r\n", b"g\r\n{}\r\n0\r\n\r\n",
                           b" 2\r\n{}\r\n0\r\n\r\n", b"2;a\nb\r\n{}\r\n0\r\n\r\n",
                           b"2\r\n{}\r\n0\r\nno colon\r\n\r\n",
                           b"2;a\0b\r\n{}\r\n0\r\n\r\n", b"2\r\n{}\r\n0\r\nA : b\r\n\r\n")
        })

    def test_extensions_and_trailers_that_are_long(self):
        """Refused, or cut without an answer."""
        for size in (100_000, 1_000_000):
            for chunks in (b"2;" + b"x" * size + b"\r\n{}\r\n0\r\n\r\n",
                           b"2\r\n{}\r\n0\r\nX: " + b"x" * size + b"\r\n\r\n"):
                with self.subTest(chunks[:5], size=size), self.connect() as connection:
                    _, second = self.creation()
                    connection.send_some(lines(*self.call_head("Transfer-Encoding: chunked"),
                                               body=chunks) + second)
                    seen = [answer.status for answer in connection.answers_until_the_end()]
                    self.assertIn(seen, ([], [400], [413], [431]))

    def test_extensions_of_chunks_say_nothing(self):
        name, second = self.creation()
        body = b"1;a=b\r\n{\r\n1;\"x\"\r\n}\r\n0;last\r\n\r\n"
        with self.connect() as connection:
            connection.send(lines(*self.call_head("Transfer-Encoding: chunked"), body=body) + second)
            answers = [connection.answer()]
            if answers[0].status == 200:
                self.assertEqual(connection.answer().status, 200)
                self.expected = sorted([*self.expected, name])
        self.assertIn(answers[0].status, (200, 400))

    def test_trailers_have_no_effect(self):
        """Neither of a length, nor of a name, nor as a token."""
        trailers = f"Content-Length: 7\r\nHost: evil.example\r\nAuthorization: Bearer {world.tokens['admin']}"
        chunks = f"2\r\n{{}}\r\n0\r\n{trailers}\r\n\r\n".encode()
        with self.connect() as connection:
            connection.send(lines(*self.call_head("Transfer-Encoding: chunked"), body=chunks))
            status = connection.answer().status
            self.assertIn(status, (200, 400))
            if status == 200:  # and the next one begins where the trailers end
                connection.send(request("GET", "/healthz", world.address))
                self.assertEqual(connection.answer().body, b"ok\n")
        nobodys = [line for line in self.call_head("Transfer-Encoding: chunked") if "Bearer" not in line]
        with self.connect() as connection:
            connection.send(lines(*nobodys, body=chunks))
            self.assertIn(connection.answer().status, (400, 401))

    def test_lines_of_the_head(self):
        get = ("GET /healthz HTTP/1.1", f"Host: {world.address}")
        self.all_refused({
            "all line feeds": lines(*get, end=b"\n"),
            "a line feed behind the first line": lines(f"{get[0]}\n{get[1]}"),
            "a line feed in the middle": lines(*get, "A: b\nC: d"),
            "a line feed at the end": lines(*get)[:-4] + b"\n\n",
            "a carriage return in the middle": lines(*get, "A: b\rC: d"),
            "a carriage return at the end": lines(*get)[:-4] + b"\r\r",
            **{f"{line!r}": lines(*get, line)
               for line in ("A: b\0c", "A\0: b", "A: \x01", "no colon", "A : b", "A\t: b", ": b", " A: b",
                            "A b: c",
                            "A\x7f: b", "A: b\r\n folded", "A: b\r\n\tfolded", "(A): b", "A\xe4: b",
                            "A: b\x08")},
            "a folded first line": lines(get[0], f" {get[1]}"),
        })

    def test_first_lines(self):
        host = f"Host: {world.address}"
        self.all_refused({
            f"{line!r}": lines(line, host)
            for line in ("GET /healthz\r\nX: y HTTP/1.1", "GET /healthz%0d%0a\r\n HTTP/1.1",
                         f"GET http://{world.address}/healthz HTTP/1.1", "GET http://evil.example/ HTTP/1.1",
                         "GET * HTTP/1.1", "OPTIONS * HTTP/1.1", f"CONNECT {world.address} HTTP/1.1",
                         "CONNECT evil.example:443 HTTP/1.1", "GET healthz HTTP/1.1", "GET  HTTP/1.1",
                         "GET  /healthz HTTP/1.1", "GET /healthz  HTTP/1.1", "GET /healthz HTTP/1.1 ",
                         "GET\t/healthz\tHTTP/1.1", "GET /healthz HTTP/2.0", "GET /healthz HTTP/0.9",
                         "GET /healthz HTTP/1.2", "GET /healthz HTTP/1.10", "GET /healthz HTTP/11",
                         "GET /healthz http/1.1", "GET /healthz", "GET /health z HTTP/1.1",
                         " GET /healthz HTTP/1.1",
                         "GET /healthz\0 HTTP/1.1", "GET /healthz\x7f HTTP/1.1", "GET /\xe4 HTTP/1.1",
                         "G(T /healthz HTTP/1.1", "PRI * HTTP/2.0", f"GET /{'a' * 5000} HTTP/1.1",
                         "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
        })

    def test_hosts_that_are_none_or_two(self):
        host = f"Host: {world.address}"
        self.all_refused({
            "none": lines("GET /healthz HTTP/1.1", "A: b"),
            "none, of HTTP/1.0": lines("GET /healthz HTTP/1.0", "A: b"),
            "two": lines("GET /healthz HTTP/1.1", host, "Host: evil.example"),
            "two equal": lines("GET /healthz HTTP/1.1", host, host),
        })
        empty = lines(f"POST {LIST} HTTP/1.1", "Host:", "Content-Type: application/json", "Content-Length: 2",
                      body=b"{}")
        self.refused_once(empty, (400, 421))

    def test_repeated_headers(self):
        for name, value in (("Authorization", "Bearer x"), ("Content-Type", "application/json"),
                            ("Origin", "http://evil.example"), ("Connect-Timeout-Ms", "1"),
                            ("Range", "bytes=0-")):
            with self.subTest(name):
                head = [line for line in self.call_head("Content-Length: 2") if not line.startswith(name)]
                self.refused_once(lines(*head, f"{name}: {value}", f"{name}: {value}", body=b"{}"), (400,))

    def test_pipelined_requests_are_answered_in_order(self):
        """Twenty calls, told apart by their answers."""
        with self.connect() as connection:
            connection.send(b"".join(
                request("GET", "/healthz" if i % 3 else f"/none-{i}", world.address) for i in range(20)))
            self.assertEqual([connection.answer().status for _ in range(20)],
                             [200 if i % 3 else 404 for i in range(20)])

    def test_pipelined_calls_are_answered_in_order(self):
        calls = []
        for i in range(20):
            body = json.dumps({f"unknown{i}": 1}).encode()
            calls.append(request("POST", LIST, world.address, {**JSON, **self.bearer()}, body))
        with self.connect() as connection:
            connection.send(b"".join(calls))
            for i in range(20):
                self.assertIn(f"unknown{i}", json_of(connection.answer())["message"])

    def test_a_bad_one_ends_pipelined_requests(self):
        good = request("GET", "/healthz", world.address)
        _, creation = self.creation()
        with self.connect() as connection:
            connection.send_some(good * 5 + b"GET /healthz HTTP/1.1\r\n\r\n" + good * 5 + creation)
            self.assertEqual([answer.status for answer in connection.answers_until_the_end()],
                             [200] * 5 + [400])

    def test_a_request_that_follows_two_which_came_together(self):
        """The second was parsed while bytes were read for the third, which was then taken for the second."""
        def call(number):
            body = json.dumps({f"unknown{number}": 1}).encode()
            return request("POST", LIST, world.address, {**JSON, **self.bearer()}, body)

        with self.connect(timeout=3) as connection:
            connection.send(call(1) + call(2))
            for number in (1, 2):
                self.assertIn(f"unknown{number}", json_of(connection.answer())["message"])
            for number in (3, 4):
                connection.send(call(number))
                self.assertIn(f"unknown{number}", json_of(connection.answer())["message"])

    def test_a_pipelined_body_that_comes_later(self):
        for size in (100, 5000, 40_000):
            with self.subTest(size), self.connect(timeout=3) as connection:
                body = b'{"' + b"x" * size + b'": 1}'
                call = request("POST", LIST, world.address, {**JSON, **self.bearer()}, body)
                middle = len(call) - size // 2
                connection.send(request("GET", "/healthz", world.address) + call[:middle])
                self.assertEqual(connection.answer().body, b"ok\n")
                time.sleep(0.1)
                connection.send(call[middle:])
                self.assertIn("xxx", json_of(connection.answer())["message"])
                connection.send(request("GET", "/healthz", world.address))
                self.assertEqual(connection.answer().body, b"ok\n")

    def test_a_request_byte_by_byte(self):
        name, creation = self.creation()
        with self.connect() as connection:
            for at in range(len(creation)):
                connection.send(creation[at : at + 1])
            self.assertEqual(connection.answer().status, 200)
        self.expected = sorted([*self.expected, name])

    def test_a_head_has_no_body(self):
        with self.connect() as connection:
            for path in ("/healthz", "/none", LIST, "/"):
                connection.send(request("HEAD", path, world.address) + request("GET", "/healthz",
                                                                               world.address))
                connection.answer("HEAD")
                self.assertEqual(connection.answer().body, b"ok\n", path)

    def test_expectations(self):
        body = b'{"x": "' + b"y" * 20_000 + b'"}'
        expects = {**JSON, **self.bearer(), "Expect": "100-continue"}
        with self.connect() as connection:
            whole = request("POST", LIST, world.address, expects, body)
            connection.send(whole[: -len(body)])
            self.assertEqual(connection.answer().status, 100)
            connection.send(body)
            self.assertEqual(connection.answer().status, 400)
            connection.send(request("GET", "/healthz", world.address))
            self.assertEqual(connection.answer().body, b"ok\n")
        self.refused_once(request("POST", LIST, world.address, {**JSON, "Expect": "100-continue"}, body),
                          (401,))
        self.refused_once(request("POST", LIST, world.address, {**expects, "Expect": "200-ok"}, b"{}"),
                          (417,))


class RestartTest(GatewayTest):
    @contextlib.contextmanager
    def child(self):
        """The coordinator becomes a child of this process, which then learns how it ends."""
        set_child_subreaper = 36
        self.end(world.pid)
        ctypes.CDLL(None).prctl(set_child_subreaper, 1, 0, 0, 0)
        try:
            world.up()
            yield world.pid
        finally:
            ctypes.CDLL(None).prctl(set_child_subreaper, 0, 0, 0, 0)
            world.up()

    @staticmethod
    def end(pid):
        process = os.pidfd_open(pid)
        signal.pidfd_send_signal(process, signal.SIGTERM)
        assert select.select([process], [], [], 30)[0], "it still runs"
        os.close(process)

    def ask_on(self, requests, ended):
        while not ended.is_set():
            try:
                with self.connect(timeout=5) as connection:
                    for one in requests:
                        connection.send(one[:30])
                        time.sleep(0.002)
                        connection.send(one[30:])
                        connection.answer()
            except (OSError, EOFError):
                time.sleep(0.005)

    def test_it_ends_in_order_while_requests_come(self):
        """They reached parts that were gone already: it crashed at its end every other time."""
        login = json.dumps({"token": world.tokens["viewer"]}).encode()
        requests = [request("POST", LIST, world.address, {**JSON, **self.bearer()}, b"{}"),
                    request("GET", "/images/" + "0" * 64, world.address, self.bearer()),
                    request("POST", "/session", world.address, JSON, login)] * 10
        for _ in range(4):
            with self.child() as pid:
                ended = threading.Event()
                clients = [threading.Thread(target=self.ask_on, args=(requests, ended)) for _ in range(12)]
                for client in clients:
                    client.start()
                time.sleep(0.7)
                try:
                    self.end(pid)
                    self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), 0)
                finally:
                    ended.set()
                    for client in clients:
                        client.join()


class SizeAndTimeTest(GatewayTest):
    def test_headers_that_are_too_many_or_too_long(self):
        def get(*more):
            return lines("GET /healthz HTTP/1.1", f"Host: {world.address}", *more)

        self.assertEqual(self.ask("GET", "/healthz", {f"A{i}": "b" for i in range(60)}).status, 200)
        self.assertEqual(self.ask("GET", "/healthz", {"A": "b" * 12_000}).status, 200)
        self.all_refused({
            "65": get(*(f"A{i}: b" for i in range(64))),
            "5000": get(*(f"A{i}: b" for i in range(5000))),
            "cookies": get(*("Cookie: a=b" for i in range(65))),
            "one of 20 kB": get("A: " + "b" * 20_000),
            "one of a megabyte": get("A: " + "b" * 1_000_000),
            "20 of 1 kB": get(*(f"A{i}: {'b' * 1000}" for i in range(20))),
            "a name of 20 kB": get("A" * 20_000 + ": b"),
        }, (431,))
        self.refused_once(f"GET /{'a' * 20_000} HTTP/1.1\r\n\r\n".encode(), (400, 414, 431))

    def test_headers_that_never_end(self):
        """The parser bounds what it is given at once, not what it is given in all."""
        for line in (b"A: " + b"b" * 3000 + b"\r\n", b"Cookie: a=b\r\n" * 30):
            with self.subTest(line[:8]), self.connect() as connection:
                connection.send(f"GET /healthz HTTP/1.1\r\nHost: {world.address}\r\n".encode())
                sent = 0
                while sent < 60_000 and not select.select([connection.socket], [], [], 0.003)[0]:
                    connection.send_some(line)
                    sent += len(line)
                self.assertLess(sent, 40_000)
                self.assertEqual(self.check(connection.answer()).status, 431)

    def test_bodies_over_the_limit(self):
        head = (f"POST {LIST} HTTP/1.1", f"Host: {world.address}", *(f"{k}: {v}" for k, v in JSON.items()))
        for name, credentials in (("admin", [f"Authorization: Bearer {world.tokens['admin']}"]),
                                  ("nobody", [])):
            for size in (5 << 20, 1 << 40, (1 << 63) - 1, (1 << 64) - 1):
                with self.subTest(name, size=size), self.connect() as connection:
                    began = time.time()
                    connection.send(lines(*head, *credentials, f"Content-Length: {size}"))
                    answer = self.check(connection.answer())
                    self.assertIn(answer.status, (400, 413))
                    self.assertLess(time.time() - began, 1)
                    self.assertTrue(connection.has_ended())
        with self.connect() as connection:
            chunk = b"10000\r\n" + bytes(0x10000) + b"\r\n"
            connection.send(lines(*head, f"Authorization: Bearer {world.tokens['admin']}",
                                  "Transfer-Encoding: chunked"))
            connection.send_some(chunk * 70)
            self.assertEqual(connection.answer().status, 413)
            self.assertTrue(connection.has_ended())
        with self.connect() as connection:  # not even asked for
            connection.send(lines(*head, "Transfer-Encoding: chunked"))
            self.assertEqual(connection.answer().status, 401)
            self.assertTrue(connection.has_ended())

    def test_the_largest_body(self):
        padding = (4 << 20) - 2
        self.assertEqual(self.call(LIST, b"{" + b" " * padding + b"}").status, 200)

    def test_lengths_that_lie(self):
        name, message = self.new_project()
        body = json.dumps(message).encode()
        whole = request("POST", CREATE, world.address, {**JSON, **self.bearer()}, body)
        for cut in (1, len(body) // 2, len(body)):
            with self.subTest(cut), self.connect() as connection:
                connection.send(whole[: len(whole) - cut])
                connection.socket.shutdown(1)
                self.assertLessEqual(len([a for a in connection.answers_until_the_end() if a.status < 400]),
                                     0)
        for name, behind in (("garbage", b"{}}}}"), ("half a request", b"POST / HTTP/1.1\r\nHost")):
            with self.subTest(name), self.connect() as connection:
                connection.send(request("POST", LIST, world.address, {**JSON, **self.bearer()},
                                        b"{}") + behind)
                self.assertEqual(connection.answer().status, 200)
                connection.socket.shutdown(1)
                self.assertEqual([a.status for a in connection.answers_until_the_end() if a.status < 400], [])

    def test_a_get_with_a_body(self):
        get = ("GET /healthz HTTP/1.1", f"Host: {world.address}")
        self.all_refused({
            "length": lines(*get, "Content-Length: 5", body=b"12345"),
            "chunks": lines(*get, "Transfer-Encoding: chunked", body=b"1\r\na\r\n0\r\n\r\n"),
        })

    def test_what_comes_too_slowly_ends(self):
        """Side by side: nothing, a head and a body by a byte a second."""
        ended = {}

        def slowly(name, start, rest):
            began = time.time()
            with self.connect(timeout=1) as connection:
                connection.send(start)
                while not connection.has_ended() and time.time() < began + 25:
                    connection.send_some(rest[:1])
                    rest = rest[1:]
            ended[name] = time.time() - began

        head = request("POST", LIST, world.address, JSON, b" " * 1000)
        cases = {"nothing": (b"", b""), "half a head": (head[:50], b""), "a head": (head[:20], head[20:100]),
                 "a body": (head[:-1000], b" " * 999)}
        threads = [threading.Thread(target=slowly, args=(name, *case)) for name, case in cases.items()]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(set(ended), set(cases))
        for name in ("nothing", "a head", "half a head"):
            self.assertTrue(9 < ended[name] < 12.5, ended)
        self.assertTrue(14 < ended["a body"] < 18, ended)


class ManyConnectionsTest(GatewayTest):
    def setUp(self):
        super().setUp()
        forget_peak_of(world.pid)
        self.descriptors = descriptors_of(world.pid)
        self.memory = status_of(world.pid, "VmRSS")

    def serves_again(self):
        deadline = time.time() + 15
        while True:
            try:
                if http1.ask(world.address, "GET", "/healthz", timeout=2).status == 200:
                    break
            except (OSError, EOFError):
                pass
            self.assertLess(time.time(), deadline, "HTTP doesn't work again within 15 seconds")
            time.sleep(0.1)
        while descriptors_of(world.pid) > self.descriptors + 10 and time.time() < deadline:
            time.sleep(0.2)
        self.assertLessEqual(descriptors_of(world.pid), self.descriptors + 10)
        self.assertLess(status_of(world.pid, "VmHWM"), MOST_MEMORY)
        self.assertLess(status_of(world.pid, "VmRSS"), self.memory + (60 << 20))

    def test_one_after_the_other(self):
        get = request("GET", "/healthz", world.address, {"Connection": "close"})
        for i in range(10_000):
            with self.connect() as connection:
                if i % 3 == 0:
                    connection.send(get)
                    if i % 6 == 0:
                        connection.answer()
                elif i % 3 == 1:
                    connection.send(get[:20])
        self.serves_again()

    def open_all(self, start):
        connections = []
        for _ in range(1100):
            try:
                connections.append(self.connect())
                connections[-1].send_some(start)
            except OSError:
                pass
        return connections

    def at_once(self, start):
        connections = self.open_all(start)
        try:
            time.sleep(0.5)
            self.assertLess(descriptors_of(world.pid), DESCRIPTORS - 100, "it keeps some for itself")
            world.deployment.loupe("project", "list", timeout=10)
        finally:
            for connection in connections:
                connection.close()
        self.serves_again()

    def test_as_many_as_it_takes_at_once(self):
        self.at_once(b"")

    def test_as_many_half_heads(self):
        self.at_once(request("GET", "/healthz", world.address, {"A": "b" * 15_000})[:-4])

    def test_as_many_half_bodies_of_nobody(self):
        whole = request("POST", LIST, world.address, JSON, b" " * (16 << 10))
        self.at_once(whole[:-1])

    def test_as_many_half_bodies_of_somebody(self):
        """Of 4 MiB each."""
        whole = request("POST", LIST, world.address, {**JSON, **self.bearer("viewer")}, b" " * (4 << 20))
        connections = []
        try:
            for _ in range(120):
                connections.append(self.connect(timeout=2))
                try:
                    connections[-1].send(whole[:-1])
                except OSError:
                    pass  # this one was refused
            self.assertLess(status_of(world.pid, "VmRSS"), MOST_MEMORY)
            world.deployment.loupe("project", "list", timeout=10)
        finally:
            for connection in connections:
                connection.close()
        self.serves_again()

    def test_pictures_that_nobody_reads(self):
        """Each holds a file beside its connection. gRPC keeps its own share of the descriptors."""
        self.at_once(request("GET", world.path_of("large"), world.address, self.bearer("viewer")))

    def test_answers_that_nobody_reads(self):
        """Pipelined: what is answered waits in the server no more than what is read."""
        get = request("GET", "/healthz", world.address)
        connections = []
        for _ in range(20):
            connections.append(self.connect(timeout=1))
            try:
                for _ in range(40):
                    connections[-1].send(get * 1000)
            except OSError:
                pass
        self.assertLess(status_of(world.pid, "VmRSS"), MOST_MEMORY)
        world.deployment.loupe("project", "list", timeout=10)
        for connection in connections:
            connection.close()
        self.serves_again()


class CallTest(GatewayTest):
    def test_what_is_no_method(self):
        for path in ("/loupe.v1.NoService/List", PROJECTS + "NoMethod", PROJECTS, "/loupe.v1.ProjectService",
                     "/loupe.v1.WorkerService/LeaseJob", "/loupe.v1.WorkerService/ReadBlob",
                     "/loupe.v1.WorkerService/FailJob", "/grpc.health.v1.Health/Check",
                     "/grpc.health.v1.Health/Watch", LIST + "/", LIST + "/x", "/" + LIST, LIST.lower(),
                     "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
                     "/loupe.v1.Project/List",
                     LIST.replace(".", "%2e"), LIST.replace("List", "%4cist"), LIST + ";x", LIST + "%00"):
            for role in ("admin", "worker"):
                with self.subTest(path, role=role):
                    self.assertIn(self.call(path, {}, role).status, (404, 501))

    def test_streams_to_the_server(self):
        for path in ("/loupe.v1.ImageService/Import", "/loupe.v1.ModelService/ImportModel"):
            for type in ("application/json", "application/grpc", "application/grpc-web"):
                self.assertEqual(self.call(path, envelope(b"{}"), Content_Type=type).status, 415)
            answer = self.call(path, envelope(b"{}"), Content_Type="application/connect+json")
            self.assertEqual(answer.status, 200)
            self.assertIn(b'"code":"unimplemented"', answer.body)

    def test_verbs(self):
        name, message = self.new_project()
        body = json.dumps(message).encode()
        for method in ("GET", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "post", "POSTS", "get"):
            with self.subTest(method):
                sent = b"" if method in ("GET", "HEAD") else body
                answer = self.ask(method, CREATE, {**JSON, **self.bearer()}, sent)
                self.assertEqual(answer.status, 405)
                self.assertEqual(answer.headers["allow"], "POST")
        query = base64.urlsafe_b64encode(body).decode()
        answer = self.ask("GET", f"{CREATE}?connect=v1&encoding=json&base64=1&message={query}", self.bearer())
        self.assertEqual(answer.status, 405)
        for method in ("POST", "PUT", "DELETE", "OPTIONS", "TRACE"):
            self.assertEqual(self.ask(method, "/healthz").status, 405)
            self.assertEqual(self.ask(method, world.path_of("small"), self.bearer()).status, 405)
        self.assertEqual(self.ask("GET", "/session").status, 405)

    def test_types_of_bodies(self):
        name, message = self.new_project()
        body = json.dumps(message).encode()
        for type in ("application/x-www-form-urlencoded", "text/plain", "text/plain;charset=UTF-8",
                     "multipart/form-data; boundary=x", "", "application/json; charset=latin1", "text/json",
                     "application/json; charset=utf-16", "application/connect+json", "application/grpc+json",
                     "application/grpc", "application/grpc-web+json", "application/json, text/plain", "json",
                     "application/json; charset=utf-8; x=y", "application/jsonx", "*/*",
                     "application/connect+proto"):
            with self.subTest(type):
                answer = self.call(CREATE, body, Content_Type=type)
                self.assertEqual(answer.status, 415)
                self.assertIn("application/json", answer.headers["accept-post"])
        self.assertEqual(self.ask("POST", CREATE, self.bearer(), body).status, 415)
        for type in ("application/json", "application/proto", "text/plain"):
            self.assertEqual(self.call(READ, body, Content_Type=type).status, 415)

    def test_bodies_that_are_compressed(self):
        name, message = self.new_project()
        for encoding in ("gzip", "br", "deflate", "identity, gzip", "x"):
            answer = self.call(CREATE, gzip.compress(json.dumps(message).encode()), Content_Encoding=encoding)
            self.assertEqual((answer.status, json_of(answer)["code"]), (501, "unimplemented"))
        answer = self.call(READ, envelope(gzip.compress(b"{}"), 1), **{
            "Content-Type": "application/connect+json", "Connect-Content-Encoding": "gzip"})
        self.assertIn(answer.status, (200, 501))
        self.assertIn(b"unimplemented", answer.body)
        self.assertEqual(self.call(CREATE, gzip.compress(json.dumps(message).encode())).status, 400)

    def test_versions_and_timeouts(self):
        for version in ("2", "0", "1.0", "one", "1,1", "11"):
            self.assertEqual(self.call(LIST, {}, Connect_Protocol_Version=version).status, 400, version)
        for timeout in ("x", "12345678901", "-1", "+1", "1.5", "0x10", "1e3", "1 1", "99999999999999999999"):
            self.assertEqual(self.call(LIST, {}, Connect_Timeout_Ms=timeout).status, 400, timeout)
        self.assertEqual(self.call(LIST, {}, Connect_Timeout_Ms="9999999999").status, 200)
        codes = set()
        for timeout in ("0", "1", "00"):
            for _ in range(5):
                answer = self.call(LIST, {}, Connect_Timeout_Ms=timeout)
                self.assertIn(answer.status, (504, 200) if timeout == "1" else (504, 400), timeout)
                codes.add(json_of(answer).get("code"))
        self.assertIn("deadline_exceeded", codes)

    def test_json_that_is_wrong(self):
        def create(**fields):
            return {**self.new_project()[1], **fields}

        def text(old, new):
            return json.dumps(create(seed="17")).encode().replace(old, new)

        deep = 100_000
        for name, body in {
            "empty": b"", "space": b" ", "null": b"null", "list": b"[]", "text": b'"x"', "number": b"1",
            "an unknown field": json.dumps(create(unheard=1)).encode(),
            "a number for a text": json.dumps(create(name={"a": 1})).encode(),
            "a list for a text": json.dumps(create(name=["a"])).encode(),
            "a text for a number": json.dumps(create(holdoutFraction="much")).encode(),
            "an object for a list": json.dumps(create(classes={"a": 1})).encode(),
            "deep lists": b"[" * deep, "deep lists, closed": b"[" * deep + b"]" * deep,
            "deep objects": b'{"a":' * deep, "deep objects, closed": b'{"a":' * deep + b"1" + b"}" * deep,
            "deep lists in a field": b'{"classes":' + b"[" * deep + b"]" * deep + b"}",
            "deep objects in a field": b'{"name":' * deep + b"1" + b"}" * deep,
            "a NUL": text(b"smuggled", b"smug\0gled"), "an escaped NUL": text(b"smuggled",
                                                                              b"smug\\u0000gled"),
            "a NUL behind it": text(b"}", b"}\0"),
            "no UTF-8": text(b"smuggled", b"smug\xff\xfegled"),
            "half a character": text(b"smuggled", b"smug\xe2\x82"),
            "overlong": text(b"smuggled", b"smug\xc0\x80gled"),
            "an encoded surrogate": text(b"smuggled", b"\xed\xa0\x80"),
            "a high surrogate": text(b"smuggled", b"\\ud800"),
            "a low surrogate": text(b"smuggled", b"\\udc00"),
            "turned surrogates": text(b"smuggled", b"\\udc00\\ud800"),
            "half an escape": text(b"smuggled", b"\\u12"),
            "a huge number": text(b'"17"', b"1e999"), "a huge integer": text(b'"17"', b"9" * 400),
            "an integer of 65 bits": text(b'"17"', b'"18446744073709551616"'),
            "a negative one": text(b'"17"', b"-1"), "a fraction": text(b'"17"', b"1.5"),
            "NaN": json.dumps(create(holdoutFraction=float("nan"))).encode(),
            "bytes behind it": text(b"}", b"} x"), "two": text(b"}", b"}{}"), "cut": text(b"}", b""),
            "UTF-16": json.dumps(create()).encode("utf-16"), "no quotes": b"{name:x}",
            "a comment": text(b"}", b"/**/}"), "a long text": text(b"smuggled", b"s" * 1_000_000),
            "a type's URL": b'{"@type":"type.googleapis.com/google.protobuf.Any"}',
        }.items():
            with self.subTest(name):
                answer = self.call(CREATE, body)
                self.assertEqual(answer.status, 400, answer)
                self.assertEqual(json_of(answer)["code"], "invalid_argument")
                self.assertLess(len(answer.body), 2000)
        self.assertIn("unheard", json_of(self.call(CREATE, create(unheard=1)))["message"])

    def test_json_that_is_odd(self):
        """Either it is refused, or it means what it says."""
        first, message = self.new_project()
        second, _ = self.new_project()
        odd = {
            "a mark of byte order": b"\xef\xbb\xbf{}", "single quotes": b"{'name': 'x'}",
            "keys twice": json.dumps(
                message).encode().replace(b'"name"', b'"name": "%s", "name"' % second.encode())}
        for name, body in odd.items():
            with self.subTest(name):
                answer = self.call(CREATE if b"name" in body else LIST, body)
                self.assertIn(answer.status, (200, 400))
                if name == "keys twice" and answer.status == 200:
                    self.expected = sorted([*self.expected, json_of(answer)["name"]])
                    self.assertIn(json_of(answer)["name"], (first, second))

    def test_protobuf_that_is_garbage(self):
        dice = random.Random(7)
        wrong = [b"\xff" * 20, b"\x0a\xff\xff\xff\xff\x0f", b"\x0a\x05abc", b"\x0b" * 10_000,
                 b"\x0a\x02\xff\xfe",
                 b"\x80" * 11, b"\x07"]
        for body in wrong:
            with self.subTest(body[:20]):
                answer = self.call(CREATE, body, Content_Type="application/proto")
                self.assertEqual(answer.status, 400, answer)
        for _ in range(100):
            body = dice.randbytes(dice.randrange(60))
            answer = self.call(CREATE, body, Content_Type="application/proto")
            self.assertIn(answer.status, (400,), (body, answer))

    def test_envelopes(self):
        message = json.dumps({"sha256": hashlib.sha256(world.pictures["small"]).hexdigest()}).encode()
        good = envelope(message)
        cases = {"nothing": b"", "one byte": b"\0", "four bytes": good[:4], "no message": good[:5],
                 "cut": good[:-1], "too long": good + b"x", "two": good + good,
                 "a large size": b"\0\xff\xff\xff\xff{}",
                 "compressed": envelope(gzip.compress(message), 1), "the end": envelope(b"{}", 2),
                 "unknown flags": envelope(message, 4), "all flags": envelope(message, 255),
                 "zeroes": bytes(1000), "no envelope": message,
                 "only the end": envelope(message) + envelope(b"{}", 2)}
        for name, body in cases.items():
            with self.subTest(name):
                answer = self.call(READ, body, **{"Content-Type": STREAM["Content-Type"]})
                self.assertEqual(answer.status, 200)
                flags, end = messages_in(answer.body)[-1]
                self.assertEqual((flags, len(messages_in(answer.body))), (2, 1), answer)
                code = json.loads(end)["error"]["code"]
                self.assertEqual(code, "unimplemented" if name == "compressed" else "invalid_argument")

    def test_a_stream_over_http_1_0(self):
        body = envelope(b"{}")
        head = request("POST", READ, world.address, {**STREAM, **self.bearer()}, body).replace(b"1.1", b"1.0",
                                                                                               1)
        with self.connect() as connection:
            connection.send(head)
            answer = connection.answer()
            self.assertGreaterEqual(answer.status, 400)
            self.assertNotIn("transfer-encoding", answer.headers)
            self.assertTrue(connection.has_ended())


class PathTest(GatewayTest):
    def test_ways_out_of_the_folder(self):
        picture = world.path_of("small")
        digits = picture.rsplit("/", 1)[1]
        for path in ("/../etc/passwd", "/../../../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd",
                     "/./index.html",
                     "/images/../index.html", "/images/../../server.pid", "//", "//index.html",
                     "///etc/passwd",
                     "/assets/../index.html", "/assets/..%2findex.html", "/assets/..%5cindex.html",
                     "/%69ndex.html",
                     "/%252e%252e/etc/passwd", "/..;/index.html", "/index.html%00", "/index.html/",
                     "/assets/",
                     "/images/", "/images", "/images/%2e%2e", f"/images/{digits[:-1]}", f"/images/{digits}0",
                     f"/images/{digits.upper()}", f"/images/{digits[:-1]}g", f"/images/{digits}/",
                     f"/images//{digits}",
                     f"/images/{digits}/../{digits}", f"/images/{digits}/Thumbnail",
                     f"/images/{digits}/thumbnail/",
                     f"/images/%{ord(digits[0]):02x}{digits[1:]}", f"/images/{digits}%2fthumbnail",
                     "/server.pid",
                     "/blobs", "/admin.token", "/.git/config", "/session/", "/healthz/", "/readyz/x",
                     "/Session",
                     "/metrics/", "/Metrics", "/debug/pprof", "/index.htm", "/assets/..%252findex.html",
                     "/images/%00"):
            with self.subTest(path):
                answer = self.ask("GET", path, self.bearer())
                self.assertIn(answer.status, (400, 404), answer)
                self.assertNotIn(b"root:", answer.body)
                self.assertEqual(answer.headers["content-type"], "application/json")

    def test_parameters_of_pictures(self):
        picture = world.path_of("small")
        for query in ("?x=1", "?low=1", "?high=5", "?&", "?a"):
            self.assertEqual(self.ask("GET", picture + query, self.bearer()).status, 400, query)
        for form in ("/thumbnail", "/rendering"):
            for query in ("low=5&high=5", "low=9&high=5", "low=-1", "high=65536", "high=0", "low=x", "low=",
                          "high=",
                          "low=1.5", "low=0x1", "x=1", "low", "low=99999999999999999999", "low=%31",
                          "low=1;high=2",
                          "high=1e3", "LOW=1", "low=1%26high=2", "path=/etc/passwd", "low=65535"):
                with self.subTest(form + query):
                    self.assertEqual(self.ask("GET", f"{picture}{form}?{query}", self.bearer()).status, 400)
        self.assertEqual(self.ask("GET", picture + "/thumbnail?low=0&high=65535", self.bearer()).status, 200)

    def test_ranges(self):
        whole = world.pictures["large"]
        size = len(whole)
        path = world.path_of("large")
        wanted = {
            "bytes=0-": (0, size), "bytes=-5": (size - 5, size), "bytes=0-0": (0, 1), "bytes=5-9": (5, 10),
            f"bytes=0-{size}": (0, size), f"bytes={size - 1}-": (size - 1, size), f"bytes={size}-": None,
            "bytes=99999999-": None, "bytes=-0": None, f"bytes=-{size + 5}": (0, size),
            "bytes=0-99999999": (0, size),
            "bytes=18446744073709551615-": None, "bytes=0-18446744073709551615": (0, size),
            "bytes=1-18446744073709551614": (1, size), "bytes=262143-262144": (262143, 262145)}
        for value, part in wanted.items():
            with self.subTest(value):
                answer = self.ask("GET", path, {**self.bearer(), "Range": value})
                if part is None:
                    self.assertEqual((answer.status, answer.headers["content-range"]),
                                     (416, f"bytes */{size}"))
                    self.assertEqual(answer.body, b"")
                    continue
                self.assertEqual(answer.status, 206)
                self.assertTrue(answer.body == whole[part[0] : part[1]], "other bytes")
                self.assertEqual(answer.headers["content-range"], f"bytes {part[0]}-{part[1] - 1}/{size}")
        for value in ("bytes=5-2", "bytes=0-0,2-3", "bytes=", "bytes=-", "bytes=x-", "bytes=0", "lines=0-1",
                      "0-1",
                      "bytes=99999999999999999999-", "bytes=0-99999999999999999999", "bytes=--5",
                      "bytes=+1-2",
                      "bytes= 0-1", "bytes=0-0x1", "bytes=1-2-3", "bytes=-99999999999999999999", "bytes 0-1"):
            with self.subTest(value):
                answer = self.ask("GET", path, {**self.bearer(), "Range": value})
                self.assertEqual(answer.status, 200)
                self.assertTrue(answer.body == whole, "other bytes")

    def test_conditions(self):
        whole = world.pictures["small"]
        path = world.path_of("small")
        head = self.ask("HEAD", path, self.bearer())
        self.assertEqual((head.status, head.headers["content-length"]), (200, str(len(whole))))
        tag = head.headers["etag"]
        for value in (tag, "W/" + tag, "*", f'"x", {tag}'):
            answer = self.ask("GET", path, {**self.bearer(), "If-None-Match": value})
            self.assertEqual((answer.status, answer.body), (304, b""))
        for value in ('"x"', "", tag[:-2] + '"', tag.strip('"'), '"' * 5000):
            answer = self.ask("GET", path, {**self.bearer(), "If-None-Match": value})
            self.assertEqual((answer.status, answer.body), (200, whole), value)
        part = {**self.bearer(), "Range": "bytes=1-2"}
        self.assertEqual(self.ask("GET", path, {**part, "If-Range": tag}).body, whole[1:3])
        for value in ('"x"', "W/" + tag, "Wed, 21 Oct 2015 07:28:00 GMT"):
            answer = self.ask("GET", path, {**part, "If-Range": value})
            self.assertEqual((answer.status, answer.body), (200, whole))
        unknown = {"If-None-Match": "*"}
        self.assertEqual(self.ask("GET", path, unknown).status, 401, "who may not see it learns nothing")

    def test_who_may_see_a_picture(self):
        path = world.path_of("small")
        for form in ("", "/thumbnail", "/rendering"):
            answer = self.ask("GET", path + form)
            self.assertEqual((answer.status, answer.headers["www-authenticate"]), (401, "Bearer"))
            for value in ("Bearer", "Bearer ", "Bearer nobody's", "Basic YTpi",
                          f"Bearer {world.tokens['viewer']}x",
                          world.tokens["viewer"], "Bearer " + "x" * 12_000):
                self.assertEqual(self.ask("GET", path + form, {"Authorization": value}).status, 401,
                                 value[:50])
            for role in (*ROLES, "admin"):
                answer = self.ask("GET", path + form, self.bearer(role))
                self.assertEqual(answer.status, 200)
                self.assertIn("private", answer.headers["cache-control"])
                if form != "/thumbnail":
                    self.assertEqual(answer.body, world.pictures["small"])
        for role in ROLES:
            unknown = "/images/" + "0" * 64
            self.assertEqual(self.ask("GET", unknown, self.bearer(role)).status, 404)
        self.assertEqual(self.ask("GET", unknown).status, 401, "who may see none learns nothing")

    def test_a_picture_that_was_removed(self):
        path = world.path_of("removed")
        session = self.login(world.tokens["viewer"])
        cookie = {"Cookie": f"{world.cookie}={session}"}
        before = set(glob.glob(world.deployment.path("server", "blobs", "renderings", "**"), recursive=True))
        for form in ("", "/thumbnail", "/thumbnail?low=1&high=200", "/rendering"):
            self.assertEqual(self.ask("GET", path + form, cookie).status, 200)
        digits = path.rsplit("/", 1)[1]
        folder = world.deployment.path("server", "blobs")
        kept = {name for name in glob.glob(os.path.join(folder, "renderings", "**"), recursive=True)
                if os.path.isfile(name)} - before
        self.assertEqual(len(kept), 1, "levels make no difference to 8 bits")
        world.deployment.loupe("image", "remove", "removed.png", "--project", "parts", "--reason",
                               "asked for", "--yes")
        for form in ("", "/thumbnail", "/thumbnail?low=1&high=200", "/thumbnail?low=2", "/rendering"):
            self.assertEqual(self.ask("GET", path + form, cookie).status, 404, form)
        left = [name for name in glob.glob(os.path.join(folder, "**"), recursive=True)
                if digits in name.replace("/", "") or name in kept]
        self.assertEqual([name for name in left if os.path.exists(name)], [])


class SessionTest(GatewayTest):
    def test_a_session_of_a_token_that_was_revoked(self):
        token = world.new_token("engineer", "leaves")
        session = self.login(token)
        self.assertEqual(self.with_session(session).status, 200)
        world.deployment.loupe("token", "revoke", "leaves")
        self.refused_within(1.5, session)
        answer = self.ask("POST", "/session", JSON, json.dumps({"token": token}).encode())
        self.assertEqual(answer.status, 401)
        self.assertNotIn("set-cookie", answer.headers)

    def test_a_session_after_it_logged_out(self):
        session = self.login(world.tokens["viewer"])
        other = self.login(world.tokens["viewer"])
        self.assertEqual(self.with_session(session).status, 200)
        own = {"Cookie": f"{world.cookie}={session}", "Origin": f"http://{world.address}"}
        answer = self.ask("DELETE", "/session", own)
        self.assertEqual(answer.status, 200)
        self.assertIn("Max-Age=0", answer.headers["set-cookie"])
        self.refused_within(1.5, session)
        self.assertEqual(self.with_session(other).status, 200, "the other one goes on")
        self.assertEqual(self.ask("DELETE", "/session", own).status, 200)

    def test_a_session_that_was_ended(self):
        session = self.login(world.tokens["viewer"])
        other = self.login(world.tokens["viewer"])
        stranger = self.login(world.tokens["annotator"])
        listed = json_of(self.with_session(session, SESSIONS + "ListSessions"))["sessions"]
        current = next(one["id"] for one in listed if one.get("isCurrent"))
        self.assertEqual(self.with_session(stranger, SESSIONS + "EndSession", {"id": current}).status, 404)
        self.assertEqual(self.with_session(session).status, 200)
        self.assertEqual(self.with_session(other, SESSIONS + "EndSession", {"id": current}).status, 200)
        self.refused_within(1.5, session)

    def test_a_session_that_expired(self):
        session = self.login(world.tokens["viewer"])
        digest = hashlib.sha256(session.encode()).hexdigest()
        world.deployment.psql(
            f"UPDATE session SET expires_at = now() - interval '1 s' WHERE secret_hash = '\\x{digest}'")
        self.refused_within(1.5, session)
        own = {"Cookie": f"{world.cookie}={session}"}
        self.assertEqual(self.ask("GET", world.path_of("small"), own).status, 401)

    def test_a_session_makes_no_other(self):
        """Whoever found a cookie would keep it alive for ever."""
        session = self.login(world.tokens["viewer"])
        answer = self.ask("POST", "/session", JSON, json.dumps({"token": session}).encode())
        self.assertEqual(answer.status, 401, answer)

    def test_a_link_works_once(self):
        link = world.deployment.loupe("token", "link", "viewer").strip()
        secret = link.split("#link=")[1]
        self.assertTrue(link.startswith(f"http://{world.address}/#"), link)
        self.assertEqual(self.with_session(self.login(secret, "link")).status, 200)
        for field in ("link", "token"):
            answer = self.ask("POST", "/session", JSON, json.dumps({field: secret}).encode())
            self.assertEqual(answer.status, 401)
            self.assertNotIn("set-cookie", answer.headers)
        other = world.deployment.loupe("token", "link", "viewer").strip().split("#link=")[1]
        statuses = []

        def log_in():
            statuses.append(
                http1.ask(world.address, "POST", "/session", JSON,
                          json.dumps({"link": other}).encode()).status)

        threads = [threading.Thread(target=log_in) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(sorted(statuses), [200] + [401] * 7)

    def test_log_ins_that_are_wrong(self):
        link = world.deployment.loupe("token", "link", "viewer").strip().split("#link=")[1]
        token = world.tokens["viewer"]
        for body, status in ((b"", 400), (b"{}", 400), (b"[]", 400), (b'{"token":""}', 400),
                             (b'{"token":1}', 400),
                             (b'{"token":null}', 400), (b'{"x":"y"}', 400), (b"\xff", 400),
                             (b"[" * 4000, 400),
                             (b'{"token":"\xff"}', 400), (b'{"token":"\\ud800"}', 400),
                             (b'{"token":"nobody\'s"}', 401),
                             (json.dumps({"token": token, "link": link}).encode(), 400),
                             (b'{"token":"' + token.encode() + b'\\u0000"}', 401),
                             (b'{"link":"\\u0000"}', 401),
                             (b'{"token":"' + token.encode() + b'"} x', 400),
                             (b'{"token":"%s"}' % (b"x" * 4000), 401),
                             (b'{"' + b"\xc3\xa4" * 300 + b'":1}', 400),
                             (b'{"token":"x' + b" " * 4096 + b'"}', 413)):
            with self.subTest(body[:40]):
                answer = self.ask("POST", "/session", JSON, body)
                self.assertEqual(answer.status, status, answer)
                self.assertNotIn("set-cookie", answer.headers)
                self.assertNotIn(token.encode(), answer.body)
        self.refused_once(request("POST", "/session", world.address, {**JSON, "Transfer-Encoding": "chunked"},
                                  announces=False) + b"2\r\n{}\r\n0\r\n\r\n", (413,))
        self.login(link, "link", **{"User-Agent": "a\xe4\"<script>'; --" + "x" * 9000})

    def test_cookies_that_are_none(self):
        good = self.login(world.tokens["viewer"])
        for secret in ("loupe_session_" + "x" * 43, "", "x" * 8000, good[:-1], good + "x", "%00",
                       "' OR 1=1 --",
                       f'"{good}"', good.lower()):
            self.assertEqual(self.with_session(secret).status, 401, secret[:40])
        for name in ("loupe_session", "loupe_session_1", f"__Host-{world.cookie}", world.cookie.upper(), "a"):
            self.assertEqual(self.with_session(good, name=name).status, 401, name)
        cookie = world.cookie
        for cookies in (f"{cookie}=x; {cookie}={good}", f"{cookie}={good}; {cookie}=x",
                        f"a=b; {cookie}={good}", f"{cookie}={good};{';' * 5000}",
                        f"a={'b' * 8000}; {cookie}={good}"):
            answer = self.ask("POST", LIST, {**JSON, "Cookie": cookies, "Origin": f"http://{world.address}"},
                              b"{}")
            self.assertIn(answer.status, (200, 401))
            if cookies.count(cookie) == 1:
                self.assertEqual(answer.status, 200)
        pairs = [*JSON.items(), ("Cookie", "a=b"), ("Cookie", f"{cookie}={good}"),
                 ("Origin", f"http://{world.address}")]
        self.assertEqual(self.ask("POST", LIST, pairs, b"{}").status, 200)

    def test_secrets_that_are_no_ascii(self):
        """They went to gRPC as metadata, which ended the coordinator."""
        for secret in ("\xff", "\xc3\xa4", "a\tb", "loupe_\x80", "a\xa0"):
            for path in (LIST, READ, world.path_of("small")):
                with self.subTest(repr(secret), path=path):
                    method = "POST" if path.startswith("/loupe") else "GET"
                    type = STREAM if path == READ else JSON
                    body = b"" if method == "GET" else envelope(b"{}") if path == READ else b"{}"
                    for headers in ({"Authorization": f"Bearer {secret}"},
                                    {"Cookie": f"{world.cookie}={secret}",
                                     "Origin": f"http://{world.address}"}):
                        answer = self.ask(method, path, {**(type if body else {}), **headers}, body)
                        self.assertIn(answer.status, (400, 401, 200) if path == READ else (400, 401))
                        self.assertIn(b"unauthenticated" if answer.status != 400 else b"invalid_argument",
                                      answer.body)
            answer = self.ask("POST", "/session", JSON, json.dumps({"token": secret}).encode())
            self.assertIn(answer.status, (400, 401))

    def test_other_sites_change_nothing(self):
        session = self.login(world.tokens["admin"])
        own = f"http://{world.address}"
        port = world.address.rsplit(":", 1)[1]
        _, message = self.new_project()
        for headers in ({"Origin": "http://evil.example"}, {"Origin": "null"}, {"Origin": None},
                        {"Origin": None, "Sec_Fetch_Site": "cross-site"},
                        {"Origin": None, "Sec_Fetch_Site": "same-site"},
                        {"Origin": None, "Sec_Fetch_Site": "x"}, {"Origin": own + ".evil.example"},
                        {"Origin": f"https://{world.address}"}, {"Origin": f"http://localhost:{port}"},
                        {"Origin": "http://127.0.0.1"}, {"Origin": own + "/"},
                        {"Origin": f"http://evil.example#{own}"},
                        {"Origin": f"{own}, http://evil.example"}, {"Origin": "http://evil.example",
                                                                    "Sec_Fetch_Site": "same-origin"},
                        {"Origin": f"http://{int(port) + 1}"},
                        {"Origin": f"http://127.0.0.1:{int(port) + 1}"}):
            with self.subTest(str(headers)):
                answer = self.with_session(session, CREATE, message, **headers)
                self.assertEqual(answer.status, 403, answer)
                cookie = {"Cookie": f"{world.cookie}={session}"}
                given = {name.replace("_", "-"): value for name,
                         value in headers.items() if value is not None}
                self.assertEqual(self.ask("DELETE", "/session", {**cookie, **given}).status, 403)
                if given:
                    credential = json.dumps({"token": world.tokens["viewer"]}).encode()
                    answer = self.ask("POST", "/session", {**JSON, **given}, credential)
                    self.assertEqual(answer.status, 403)
                    self.assertNotIn("set-cookie", answer.headers)
        self.assertEqual(self.with_session(session).status, 200, "it is still logged in")

    def test_what_forms_can_send(self):
        credential = json.dumps({"token": world.tokens["viewer"]}).encode()
        for type in ("application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/plain",
                     "text/plain; application/json", ""):
            for path, body in (("/session", credential), (CREATE,
                                                          json.dumps(self.new_project()[1]).encode())):
                answer = self.ask("POST", path, {**self.bearer(), "Content-Type": type}, body)
                self.assertEqual(answer.status, 415)
                self.assertNotIn("set-cookie", answer.headers)

    def test_preflights_get_no_permission(self):
        for path in (LIST, "/session", world.path_of("small"), "/healthz", "/"):
            answer = self.ask("OPTIONS", path, {
                "Origin": "http://evil.example", "Access-Control-Request-Method": "POST",
                "Access-Control-Request-Headers": "content-type",
                "Access-Control-Request-Private-Network": "true"})
            self.assertEqual(answer.status, 405)  # `ask` looks for headers of CORS

    def test_names_of_other_servers(self):
        port = world.address.rsplit(":", 1)[1]
        for host in ("evil.example", f"evil.example:{port}", "127.0.0.1.evil.example",
                     "localhost.evil.example",
                     "evil.example#127.0.0.1", "evil.example@127.0.0.1", "127.0.0.1@evil.example",
                     "[::1].evil.example",
                     "0.0.0.0", "127.1", "2130706433", "0x7f.0.0.1", "[::]", "::1", "localhost.",
                     "127.0.0.1, evil.example",
                     "evil.example:80:127.0.0.1", "128.0.0.1", "[::ffff:1.2.3.4]", "", "localhost/evil",
                     "x" * 5000):
            with self.subTest(host[:60]):
                answer = self.ask("POST", LIST, {**JSON, **self.bearer()}, b"{}", host=host)
                self.assertIn(answer.status, (421,) if host else (400, 421))
                for path in ("/", world.path_of("small"), "/none"):
                    self.assertEqual(self.ask("GET", path, self.bearer(), host=host).status, 421)
                for path in ("/healthz", "/readyz"):
                    self.assertEqual(self.ask("GET", path, host=host).status, 200)
        for host in ("localhost", "LOCALHOST", "localhost:1", "[::1]", f"[::1]:{port}", "127.0.0.1",
                     "127.0.0.1:9",
                     "127.9.9.9"):
            self.assertEqual(self.ask("POST", LIST, {**JSON, **self.bearer()}, b"{}", host=host).status, 200,
                             host)

    def test_another_name_is_another_origin(self):
        """A page of localhost may not use what one of 127.0.0.1 was given, nor the other way round."""
        session = self.login(world.tokens["viewer"])
        headers = {**JSON, "Cookie": f"{world.cookie}={session}", "Origin": "http://localhost:80"}
        self.assertEqual(self.ask("POST", LIST, headers, b"{}").status, 403)
        self.assertEqual(self.ask("POST", LIST, headers, b"{}", host="localhost:80").status, 200)


if __name__ == "__main__":
    unittest.main(verbosity=2)
