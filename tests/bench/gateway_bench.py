"""The HTTP gateway: what it adds to calls by gRPC, idle streams, originals and thumbnails.

- latency: NextTasks by one client over connections that stay open. The reference is gRPC to the same
  coordinator; the ways take turns. Aim: below 1 ms more in the median.
- throughput: NextTasks and Submit by 8 annotators, each a process. Clients, coordinator and PostgreSQL
  share the machine, so the processor time of each for a call stands beside the rate. `by processor` is the
  rate that follows from it: the statements and what a client computes are taken to cost what they cost by
  gRPC. Aim: below 10 % less than by gRPC.
- streams: 1,000 watchers of a round that waits for a worker, each on a connection of its own. The reference
  is the same by gRPC. Aim: below 100 MB more, and no thread more.
- pictures: originals, read by one client. The reference is a Python process that reads the same file and
  sends it. Aims: 500 MB/s, and the coordinator's memory doesn't depend on the size.
- thumbnails: of 200 JPEG pictures of 12 megapixels, asked for over 8 connections. The reference is Pillow
  in two processes, which reduces pictures while it decodes them, too. Aims: 10 s, and 0.3 s from the cache.
"""
import argparse
import hashlib
import json
import multiprocessing
import os
import re
import resource
import shutil
import socket
import statistics
import struct
import sys
import threading
import time
import uuid

import numpy
from PIL import Image, ImageDraw

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import grpc_client  # noqa: E402
from loupe_programs import Deployment  # noqa: E402
from queue_bench import FILL  # noqa: E402

CLIENTS = 8
WAYS = ("grpc", "proto", "json")  # gRPC; the gateway with binary messages; with JSON
CLASSES = "a,b"
THUMBNAIL_SIDE, THUMBNAIL_QUALITY = 320, 85
ORIGINAL_SIDES = (600, 2600, 8000)  # 1, 20 and 192 MB
BLOCK = 256 << 10


class Quiet(Deployment):
    """Without a worker."""

    def up(self):
        return self.loupe("up", "--no-worker")

    def restart(self):
        self.down()
        self.up()

    @property
    def http_address(self):
        with open(os.path.join(self.server_directory, "http.address"), encoding="utf-8") as file:
            return file.read().strip()

    @property
    def admin_token(self):
        with open(os.path.join(self.server_directory, "admin.token"), encoding="utf-8") as file:
            return file.read().strip()

    def token(self, role, name):
        return self.json("token", "create", "--role", role, "--name", name)["secret"]


class HttpConnection:
    """That stays open. Answers must have a length, except where a caller reads a stream itself."""

    def __init__(self, address, token):
        host, port = address.rsplit(":", 1)
        self.socket = socket.create_connection((host, int(port)), timeout=60)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._headers = f"Host: {address}\r\nAuthorization: Bearer {token}\r\n"
        self._buffer = memoryview(bytearray(1 << 20))

    def post(self, method, kind, body):
        head = (f"POST /loupe.v1.{method} HTTP/1.1\r\n{self._headers}Content-Type: application/{kind}\r\n"
                f"Content-Length: {len(body)}\r\n\r\n")
        self.socket.sendall(head.encode() + body)

    def get(self, path):
        self.socket.sendall(f"GET {path} HTTP/1.1\r\n{self._headers}\r\n".encode())

    def head(self):
        """Status, headers, and the first bytes of the body."""
        got = b""
        while b"\r\n\r\n" not in got:
            more = self.socket.recv(1 << 16)
            if not more:
                raise ConnectionResetError("the gateway has closed the connection")
            got += more
        head, body = got.split(b"\r\n\r\n", 1)
        return int(head[9:12]), head.lower(), body

    def answer(self):
        status, head, body = self.head()
        size = int(head.split(b"content-length: ", 1)[1].split(b"\r\n", 1)[0])
        while len(body) < size:
            body += self.socket.recv(1 << 20)
        assert status == 200, (status, body)
        return body

    def skip_answer(self):
        """Reads an answer of any size into one buffer; returns the size."""
        status, head, body = self.head()
        assert status == 200, (status, body)
        size = int(head.split(b"content-length: ", 1)[1].split(b"\r\n", 1)[0])
        skip(self.socket, size - len(body), self._buffer)
        return size


def skip(connection, size, buffer):
    while size > 0:
        got = connection.recv_into(buffer)
        if got == 0:
            raise ConnectionResetError("the answer is cut")
        size -= got


class Annotator:
    """NextTasks and Submit, by each of the ways."""

    def __init__(self, deployment, token):
        self._grpc = grpc_client.Connection(deployment.address, token)
        self._http = HttpConnection(deployment.http_address, token)

    def next_task(self, way):
        """A task's number and its lease's."""
        request = str(uuid.uuid4())
        if way == "json":
            body = json.dumps({"requestId": request, "count": 1}).encode()
            self._http.post("LabelingService/NextTasks", "json", body)
            task = json.loads(self._http.answer())["tasks"][0]
            return int(task["taskId"]), int(task["lease"])
        answer = self._binary(way, "LabelingService/NextTasks", {1: request, 3: 1})
        task = grpc_client.decode(answer[1][0])
        return task[1][0], task[2][0]

    def submit(self, way, task):
        request = str(uuid.uuid4())
        if way == "json":
            body = {"requestId": request, "taskId": str(task[0]), "lease": str(task[1])}
            self._http.post("LabelingService/Submit", "json", json.dumps(body).encode())
            json.loads(self._http.answer())
        else:
            self._binary(way, "LabelingService/Submit", {1: request, 2: task[0], 3: task[1]})

    def _binary(self, way, method, fields):
        if way == "grpc":
            return self._grpc.call(method, fields)
        self._http.post(method, "proto", grpc_client.encode(fields))
        return grpc_client.decode(self._http.answer())


def turns(ways, count):
    """The ways in turn, every second time from the other end."""
    for number in range(count):
        yield ways[::-1] if number % 2 else ways


def milliseconds(call):
    began = time.perf_counter()
    result = call()
    return result, (time.perf_counter() - began) * 1e3


def measure_latency(deployment, calls):
    annotator = Annotator(deployment, deployment.token("annotator", "alone"))
    times = {way: [] for way in WAYS}
    for number, order in enumerate(turns(WAYS, calls + 20)):
        for way in order:
            task, spent = milliseconds(lambda way=way: annotator.next_task(way))
            annotator.submit("grpc", task)
            if number >= 20:
                times[way].append(spent)
    medians = {way: statistics.median(times[way]) for way in WAYS}
    print(f"\nNextTasks, one client, {calls} calls each; aim: 1 ms more than gRPC")
    print(f"{'':8}{'median, ms':>12}{'99th percentile, ms':>22}{'more, ms':>12}")
    figures = {"calls": calls}
    for way in WAYS:
        quantile = sorted(times[way])[int(0.99 * (calls - 1))]
        print(f"{way:8}{medians[way]:12.3f}{quantile:22.3f}{medians[way] - medians['grpc']:12.3f}")
        figures[way] = {"median_ms": medians[way], "p99_ms": quantile,
                        "added_ms": medians[way] - medians["grpc"],
                        "ratio": medians[way] / medians["grpc"]}
    return figures


def cpu_seconds(pid):
    """Of a process, and of its children that have ended."""
    with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


def children(pid):
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/stat", encoding="utf-8") as file:
                if int(file.read().rsplit(")", 1)[1].split()[1]) == pid:
                    found.append(int(name))
        except OSError:  # it has ended
            pass
    return found


def annotate(deployment, token, pipe):
    """A client: for each (way, seconds) it works so long, and sends its calls and processor time."""
    annotator = Annotator(deployment, token)
    pipe.send("ready")
    for way, seconds in iter(pipe.recv, None):
        began, calls = resource.getrusage(resource.RUSAGE_SELF), 0
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            annotator.submit(way, annotator.next_task(way))
            calls += 2
        spent = resource.getrusage(resource.RUSAGE_SELF)
        pipe.send((calls, spent.ru_utime + spent.ru_stime - began.ru_utime - began.ru_stime))


def measure_throughput(deployment, pairs, seconds):
    tokens = [deployment.token("annotator", f"annotator-{number}") for number in range(CLIENTS)]
    pipes = []
    for token in tokens:
        own, theirs = multiprocessing.Pipe()
        multiprocessing.Process(target=annotate, args=(deployment, token, theirs), daemon=True).start()
        pipes.append(own)
    for pipe in pipes:
        assert pipe.recv() == "ready"
    server, postgres = deployment.pid("server"), deployment.pid("postgres")

    def go(way):
        def parts():
            return [cpu_seconds(server), sum(map(cpu_seconds, [postgres, *children(postgres)]))]

        before, began = parts(), time.monotonic()
        for pipe in pipes:
            pipe.send((way, seconds))
        answers = [pipe.recv() for pipe in pipes]
        spent, calls = time.monotonic() - began, sum(calls for calls, _ in answers)
        cpu = [after - earlier for after, earlier in zip(parts(), before)] + [sum(cpu for _, cpu in answers)]
        return [calls / spent] + [part / calls * 1e3 for part in cpu]

    for way in WAYS:
        go(way)
    rows = [{way: go(way) for way in order} for order in turns(WAYS, pairs)]
    for pipe in pipes:
        pipe.send(None)
    print(f"\nNextTasks and Submit, {CLIENTS} clients, {pairs} turns of {seconds} s; aim: 0.9 of gRPC's rate")
    print(f"{'':8}{'calls/s':>10}{'of gRPC':>10}{'by processor':>15}{'processor ms a call: coordinator':>36}"
          f"{'PostgreSQL':>13}{'client':>9}")
    figures = {"clients": CLIENTS, "pairs": pairs, "seconds": seconds}
    medians = {way: list(map(statistics.median, zip(*(row[way] for row in rows)))) for way in WAYS}
    reference = sum(medians["grpc"][1:])
    for way in WAYS:
        rate, coordinator, database, client = medians[way]
        expected = reference / (reference + coordinator - medians["grpc"][1])
        shares = [row[way][0] / row["grpc"][0] for row in rows]
        share = statistics.median(shares)
        print(f"{way:8}{rate:10.0f}{share:10.3f}{expected:15.3f}{coordinator:36.3f}{database:13.3f}"
              f"{client:9.3f}")
        figures[way] = {"calls_per_second": rate, "ratio": share, "ratios": [round(one, 3) for one in shares],
                        "ratio_by_processor": expected, "coordinator_cpu_ms": coordinator,
                        "postgres_cpu_ms": database, "client_cpu_ms": client}
    return figures


def status_of(pid, *names):
    """Numbers of /proc/PID/status; sizes in MB."""
    with open(f"/proc/{pid}/status", encoding="utf-8") as file:
        found = dict(line.split(":", 1) for line in file)
    return [int(found[name].split()[0]) / (1024 if found[name].endswith("kB\n") else 1) for name in names]


def open_streams(deployment, token, way, count):
    """Watchers that have got the round. Returns what keeps them."""
    address = deployment.address if way == "grpc" else deployment.http_address
    watchers = []
    for _ in range(count):
        if way == "grpc":
            watcher = grpc_client.Connection(address, token)
            watcher.begin("RoundService/WatchRound", grpc_client.encode({2: 1}))
        else:
            watcher = HttpConnection(address, token)
            body = json.dumps({"number": 1}).encode() if way == "json" else grpc_client.encode({2: 1})
            watcher.post("RoundService/WatchRound", f"connect+{way}", struct.pack(">BI", 0, len(body)) + body)
        watchers.append(watcher)
    for watcher in watchers:
        if way == "grpc":
            watcher.settimeout(30)
            while b"waiting" not in watcher._socket.recv(1 << 16):  # pylint: disable=protected-access
                pass
        else:
            _, _, got = watcher.head()
            while b"waiting" not in got:
                more = watcher.socket.recv(1 << 16)
                assert more, got
                got += more
    return watchers


def measure_streams(count):
    figures = {"streams": count}
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    print(f"\n{count} streams; aim: 100 MB more")
    print(f"{'':8}{'MB before':>11}{'more':>8}{'threads before':>18}{'more':>8}{'% of a core':>15}")
    with Quiet() as deployment:
        deployment.loupe("project", "create", "bench", "--classes", CLASSES, "--seed", "1")
        deployment.psql(FILL.format(count=100))
        annotator = Annotator(deployment, deployment.token("annotator", "one"))
        for _ in range(20):
            annotator.submit("grpc", annotator.next_task("grpc"))
        deployment.loupe("round", "submit")
        token = deployment.token("viewer", "watcher")
        for way in ("proto", "json", "grpc"):
            deployment.restart()
            # A few streams first: what the first call of all takes isn't theirs.
            first = open_streams(deployment, token, way, 4)
            time.sleep(1)
            pid = deployment.pid("server")
            before = status_of(pid, "VmRSS", "Threads")
            streams = open_streams(deployment, token, way, count)
            time.sleep(2)
            after, cpu = status_of(pid, "VmRSS", "Threads"), cpu_seconds(pid)
            time.sleep(5)
            cpu = (cpu_seconds(pid) - cpu) / 5 * 100
            more, threads = after[0] - before[0], after[1] - before[1]
            print(f"{way:8}{before[0]:11.1f}{more:8.1f}{before[1]:18.0f}{threads:8.0f}{cpu:15.1f}")
            figures[way] = {"before_mb": before[0], "added_mb": more, "threads_before": before[1],
                            "added_threads": threads, "idle_cpu_percent": cpu}
            del first, streams
    figures["ratio"] = figures["proto"]["added_mb"] / figures["grpc"]["added_mb"]
    return figures


def write_bmp(path, side):
    """side x side pixels of noise, not compressed."""
    size = side * side * 3
    with open(path, "wb") as file:
        file.write(b"BM" + struct.pack("<IHHI", 54 + size, 0, 0, 54)
                   + struct.pack("<IiiHHIIiiII", 40, side, side, 1, 24, 0, size, 0, 0, 0, 0))
        noise = os.urandom(1 << 20)
        for at in range(0, size, len(noise)):
            file.write(noise[: size - at])
    return path


def hash_of(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def send_files(listener):
    """The reference: for each line, a file's path, the file."""
    buffer = memoryview(bytearray(BLOCK))
    connection = listener.accept()[0]
    for path in connection.makefile("r"):
        with open(path.strip(), "rb", buffering=0) as file:
            while got := file.readinto(buffer):
                connection.sendall(buffer[:got])


def measure_pictures(deployment, paths, pairs):
    gateway = HttpConnection(deployment.http_address, deployment.admin_token)
    listener = socket.create_server(("127.0.0.1", 0))
    multiprocessing.Process(target=send_files, args=(listener,), daemon=True).start()
    plain = socket.create_connection(listener.getsockname())
    buffer = memoryview(bytearray(1 << 20))
    pid = deployment.pid("server")

    def by_gateway(path, picture):
        gateway.get(f"/images/{picture}")
        assert gateway.skip_answer() == os.path.getsize(path)

    def by_plain(path, _):
        plain.sendall(f"{path}\n".encode())
        skip(plain, os.path.getsize(path), buffer)

    print(f"\noriginals, {pairs} pairs; aim: 500 MB/s")
    print(f"{'bytes':>10}{'MB/s':>8}{'a plain loop':>15}{'ratio':>8}{'coordinator, MB: before':>26}"
          f"{'peak':>8}{'its processor, ms/MB':>24}")
    rows = []
    for path in paths:
        picture, size = hash_of(path), os.path.getsize(path)
        repeats = max(1, 200_000_000 // size // (1 if size > 10_000_000 else 4))
        by_gateway(path, picture)
        before, = status_of(pid, "VmRSS")
        with open(f"/proc/{pid}/clear_refs", "w", encoding="utf-8") as file:
            file.write("5")  # the peak starts anew
        cpu, times = cpu_seconds(pid), []
        for order in turns((by_gateway, by_plain), pairs):
            spent = {}
            for side in order:
                _, spent[side] = milliseconds(lambda side=side: [side(path, picture) for _ in range(repeats)])
            times.append((spent[by_gateway], spent[by_plain]))
        cpu = (cpu_seconds(pid) - cpu) * 1e3 / (pairs * repeats * size / 1e6)
        peak, = status_of(pid, "VmHWM")
        rate, reference = (repeats * size / 1e3 / statistics.median(one[i] for one in times) for i in (0, 1))
        ratio = statistics.median(other / time for time, other in times)
        print(f"{size:10}{rate:8.0f}{reference:15.0f}{ratio:8.2f}{before:26.1f}{peak:8.1f}{cpu:24.2f}")
        rows.append({"bytes": size, "mb_per_second": rate, "plain_mb_per_second": reference, "ratio": ratio,
                     "before_mb": before, "peak_mb": peak, "cpu_ms_per_mb": cpu})
    return rows


def smooth_noise(generator, width, height, cell):
    small = generator.integers(0, 256, (height // cell + 2, width // cell + 2, 3), dtype=numpy.uint8)
    return Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC)


def scene(generator, width, height):
    """Light and shade of all sizes, things with edges, and a sensor's noise."""
    picture = smooth_noise(generator, width, height, 1500)
    for cell, share in ((400, 0.4), (100, 0.25), (25, 0.15), (6, 0.1)):
        picture = Image.blend(picture, smooth_noise(generator, width, height, cell), share)
    draw = ImageDraw.Draw(picture)
    for _ in range(400):
        x, y, size = (int(generator.integers(0, most)) for most in (width, height, 300))
        colour = tuple(int(c) for c in generator.integers(0, 256, 3))
        (draw.ellipse if size % 2 else draw.rectangle)((x, y, x + size, y + size // 2), fill=colour)
    pixels = numpy.asarray(picture, numpy.int16)
    noise = generator.normal(0, 5, (height, width, 1)).astype(numpy.int16)
    return numpy.clip(pixels + noise, 0, 255).astype(numpy.uint8)


def write_photographs(folder, count, width=4000, height=3000):
    generator = numpy.random.default_rng(1)
    whole = scene(generator, width * 3 // 2, height * 3 // 2)
    paths = []
    for number in range(count):
        x, y = int(generator.integers(0, width // 2)), int(generator.integers(0, height // 2))
        step = -1 if number % 2 else 1
        path = os.path.join(folder, f"photograph-{number:03}.jpg")
        Image.fromarray(numpy.ascontiguousarray(whole[y : y + height, x : x + width][:, ::step])).save(
            path, quality=90)
        paths.append(path)
    return paths


def reference_thumbnail(path):
    with Image.open(path) as picture:
        picture.thumbnail((THUMBNAIL_SIDE, THUMBNAIL_SIDE), Image.Resampling.BOX)
        picture.save(path + ".thumbnail", "JPEG", quality=THUMBNAIL_QUALITY)


class Viewers:
    """Connections that share a list of paths, as those of a browser do."""

    def __init__(self, deployment):
        self._all = [HttpConnection(deployment.http_address, deployment.admin_token) for _ in range(CLIENTS)]

    def get(self, paths):
        left, sizes = list(reversed(paths)), []

        def run(connection):
            while True:
                try:
                    path = left.pop()
                except IndexError:
                    return
                connection.get(path)
                sizes.append(connection.skip_answer())

        threads = [threading.Thread(target=run, args=(connection,)) for connection in self._all]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(sizes) == len(paths), f"{len(sizes)} of {len(paths)} answers came"
        return sum(sizes)


def measure_thumbnails(deployment, paths, pairs):
    asked = [f"/images/{hash_of(path)}/thumbnail" for path in paths]
    server = deployment.pid("server")
    with open(f"/proc/{server}/clear_refs", "w", encoding="utf-8") as file:
        file.write("5")
    first, cached, theirs, renderers = [], [], [], []
    for _ in range(pairs):
        with multiprocessing.Pool(2) as pool:
            theirs.append(milliseconds(lambda: pool.map(reference_thumbnail, paths, chunksize=1))[1] / 1e3)
        shutil.rmtree(os.path.join(deployment.server_directory, "blobs", "renderings"), True)
        viewers = Viewers(deployment)  # anew: the gateway closes connections that were silent for long
        size, spent = milliseconds(lambda: viewers.get(asked))
        first.append(spent / 1e3)
        renderers += [status_of(pid, "VmHWM")[0] for pid in children(server) if is_renderer(pid)]
        for _ in range(5):
            again, spent = milliseconds(lambda: viewers.get(asked))
            assert again == size, (again, size)
            cached.append(spent / 1e3)
    peak, = status_of(server, "VmHWM")
    photograph = sum(map(os.path.getsize, paths)) / len(paths) / 1e6
    figures = {
        "pictures": len(paths), "picture_mb": round(photograph, 2), "pairs": pairs,
        "thumbnail_kb": round(size / len(paths) / 1e3, 1),
        "first_seconds": statistics.median(first), "pillow_seconds": statistics.median(theirs),
        "ratio": statistics.median(other / time for time, other in zip(first, theirs)),
        "cached_seconds": statistics.median(cached), "coordinator_peak_mb": round(peak, 1),
        "renderer_peak_mb": round(max(renderers), 1),
    }
    print(f"\n{len(paths)} thumbnails of 12 megapixels ({photograph:.1f} MB each), {CLIENTS} connections, "
          f"{pairs} pairs")
    for name, text in (("first_seconds", "first time, s (aim: 10 for 200)"), ("pillow_seconds", "Pillow, s"),
                       ("ratio", "Pillow's time to ours"),
                       ("cached_seconds", "from the cache, s (aim: 0.3 for 200)"),
                       ("coordinator_peak_mb", "the coordinator's peak, MB"),
                       ("renderer_peak_mb", "a renderer's peak, MB"), ("thumbnail_kb", "a thumbnail, kB")):
        print(f"{text:44}{figures[name]:10.3f}")
    return figures


def is_renderer(pid):
    try:
        with open(f"/proc/{pid}/cmdline", encoding="utf-8") as file:
            return "loupe-renderer" in file.read()
    except OSError:
        return False


def measure_calls(parts, quick):
    figures = {}
    with Quiet() as deployment:
        deployment.loupe("project", "create", "bench", "--classes", CLASSES, "--seed", "1")
        deployment.psql(FILL.format(count=20_000 if quick else 100_000))
        if "latency" in parts:
            figures["latency"] = measure_latency(deployment, 200 if quick else 1_500)
        if "throughput" in parts:
            figures["throughput"] = measure_throughput(deployment, *((3, 2) if quick else (10, 3)))
    return figures


def measure_files(parts, quick):
    figures = {}
    with Quiet() as deployment:
        folder = deployment.path("pictures")
        os.makedirs(folder)
        originals = [write_bmp(os.path.join(folder, f"noise-{side}.bmp"), side) for side in ORIGINAL_SIDES]
        photographs = write_photographs(folder, 40 if quick else 200) if "thumbnails" in parts else []
        deployment.loupe("project", "create", "bench", "--classes", CLASSES, "--seed", "1")
        deployment.loupe("import", "--images", folder)
        deployment.restart()  # the memory that importing took isn't what is asked
        if "pictures" in parts:
            figures["pictures"] = measure_pictures(deployment, originals, 3 if quick else 9)
        if "thumbnails" in parts:
            figures["thumbnails"] = measure_thumbnails(deployment, photographs, 1 if quick else 3)
    return figures


def processor():
    """Its name, and those of its flags that OpenCV, libjpeg and OpenSSL choose by."""
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        lines = dict(re.findall(r"^(\S[^\t]*?)\t*: (.*)$", file.read(), re.MULTILINE))
    flags = lines.get("flags", "").split()
    wanted = ("sse4_2", "avx2", "avx512f", "avx512bw", "sha_ni", "aes")
    return lines.get("model name", "unknown"), [flag for flag in wanted if flag in flags]


def main():
    parts = ("latency", "throughput", "streams", "pictures", "thumbnails")
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="fewer calls, streams, pictures and pairs")
    parser.add_argument("--only", choices=parts, nargs="+", default=parts, metavar="PART",
                        help=", ".join(parts))
    args = parser.parse_args()
    name, flags = processor()
    print(f"{os.cpu_count()} cores, {name}, {' '.join(flags)}")
    figures = {"benchmark": "gateway", "cores": os.cpu_count(), "processor": name, "flags": flags}
    if {"latency", "throughput"} & set(args.only):
        figures.update(measure_calls(args.only, args.quick))
    if "streams" in args.only:
        figures["streams"] = measure_streams(200 if args.quick else 1_000)
    if {"pictures", "thumbnails"} & set(args.only):
        figures.update(measure_files(args.only, args.quick))
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
