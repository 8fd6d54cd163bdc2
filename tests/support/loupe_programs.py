"""Runs Loupe's programs from Python tests: a deployment in a folder of its own, commands with their JSON."""
import glob
import json
import os
import select
import shutil
import signal
import subprocess
import tempfile

SOURCE = os.path.abspath(
    os.environ.get("LOUPE_SOURCE") or os.path.join(os.path.dirname(__file__), "..", "..")
)
BIN = os.environ.get("LOUPE_BIN") or os.path.join(SOURCE, "build", "release", "bin")
DATA = os.path.abspath(os.environ.get("LOUPE_DATA") or os.path.join(SOURCE, "..", "shared"))

# What loupe-worker puts into its environment (worker/main.cc), for the programs that it is measured against:
# threads without work sleep.
os.environ.update(
    {
        "GOMP_SPINCOUNT": "1000",
        "OPENBLAS_THREAD_TIMEOUT": "4",
        "OPENCV_IO_MAX_IMAGE_PIXELS": "100000000",
        "TORCH_CUDNN_V8_API_ENABLED": "1",
        **os.environ,
    }
)


def program(name):
    return os.path.join(BIN, name)


def run(*arguments, check=True, timeout=600):
    """A program to its end; its output is shown when it fails."""
    result = subprocess.run(
        [str(a) for a in arguments], capture_output=True, text=True, timeout=timeout, check=False
    )
    if check and result.returncode != 0:
        raise AssertionError(
            f"{' '.join(map(str, arguments))}\nexit {result.returncode}\n{result.stdout}{result.stderr}"
        )
    return result


def worker(*arguments, **options):
    return run(program("loupe-worker"), *arguments, **options).stdout


class Deployment:
    """`loupe up` in a new folder; taken down and removed at the end of the `with`."""

    def __init__(self, keep=False):
        self.directory = tempfile.mkdtemp(prefix="loupe-")
        os.chmod(self.directory, 0o755)  # PostgreSQL's own user walks through it
        self.keep = keep

    def __enter__(self):
        self.up()
        return self

    def __exit__(self, *_):
        self.down()
        if not self.keep:
            shutil.rmtree(self.directory, ignore_errors=True)

    @property
    def server_directory(self):
        return os.path.join(self.directory, "server")

    @property
    def address(self):
        """Of the coordinator."""
        with open(os.path.join(self.server_directory, "server.address"), encoding="utf-8") as file:
            return file.read().strip()

    def path(self, *names):
        return os.path.join(self.directory, *names)

    def up(self):
        return self.loupe("up")

    def down(self):
        run(program("loupe"), "down", "--dir", self.server_directory, check=False)

    def loupe(self, *arguments, **options):
        """A command of `loupe` on this deployment; returns its standard output."""
        return run(program("loupe"), *arguments, "--dir", self.server_directory, **options).stdout

    def json(self, *arguments, **options):
        return json.loads(self.loupe(*arguments, "--json", **options))

    def pid(self, part):
        """Of `server`, `worker` or `postgres`; None when its file is not there or not whole."""
        names = {
            "server": "server.pid",
            "worker": "worker.pid",
            "postgres": os.path.join("postgres", "postmaster.pid"),
        }
        try:
            with open(os.path.join(self.server_directory, names[part]), encoding="utf-8") as file:
                return int(file.readline())
        except (FileNotFoundError, ValueError):
            return None

    def kill(self, part):
        """SIGKILL, and waits until the process is no more; False when it wasn't running.

        Until then `up` would find it running and leave it alone.
        """
        pid = self.pid(part)
        if pid is None:
            return False
        try:
            process = os.pidfd_open(pid)
        except ProcessLookupError:
            return False
        try:
            if not self.is_ours(pid):
                return False
            signal.pidfd_send_signal(process, signal.SIGKILL)
            ended, _, _ = select.select([process], [], [], 30)
            assert ended, f"the {part}, process {pid}, still runs 30 seconds after SIGKILL"
        except ProcessLookupError:
            return False
        finally:
            os.close(process)
        return True

    def is_ours(self, pid):
        """Whether a process belongs to this deployment. Tests start so many that a dead one's number is soon
        another's."""
        try:
            with open(f"/proc/{pid}/cmdline", encoding="utf-8", errors="replace") as file:
                return self.server_directory in file.read() or self.server_directory in os.readlink(
                    f"/proc/{pid}/cwd"
                )
        except OSError:
            return False

    def psql(self, sql, *options, user="loupe"):
        """Runs statements on the coordinator's own database, past its API; returns the rows as text."""
        client = sorted(glob.glob("/usr/lib/postgresql/*/bin/psql"))[-1]
        command = [
            client,
            "-h",
            os.path.join(self.server_directory, "postgres"),
            "-U",
            user,
            "-d",
            "loupe",
            "-v",
            "ON_ERROR_STOP=1",
            "-qAt",
            *options,
        ]
        return subprocess.run(
            command, input=sql, text=True, stdout=subprocess.PIPE, check=True
        ).stdout.strip()

    def log(self, part):
        with open(
            os.path.join(self.server_directory, "logs", f"{part}.log"), encoding="utf-8", errors="replace"
        ) as file:
            return file.read()


def write_lines(path, lines):
    with open(path, "w", encoding="utf-8") as file:
        file.write("".join(f"{line}\n" for line in lines))
    return path


def read_json(path):
    with open(path, encoding="utf-8") as file:
        return json.load(file)
