"""What a process uses, and a limit for what a test starts."""
import collections
import os
import resource
import sys


def status_of(pid, key):
    """In bytes, e.g. VmRSS."""
    with open(f"/proc/{pid}/status", encoding="utf-8") as file:
        return next(int(line.split()[1]) for line in file if line.startswith(f"{key}:")) << 10


def descriptors_of(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def threads_of(pid):
    """How many by name."""
    names = collections.Counter()
    for thread in os.listdir(f"/proc/{pid}/task"):
        try:
            with open(f"/proc/{pid}/task/{thread}/comm", encoding="utf-8") as file:
                names[file.read().strip()] += 1
        except (FileNotFoundError, ProcessLookupError):
            pass  # it has ended
    return names


def cpu_seconds_of(pid):
    with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def forget_peak_of(pid):
    """VmHWM begins anew."""
    with open(f"/proc/{pid}/clear_refs", "w", encoding="utf-8") as file:
        file.write("5")


def with_descriptors(limit, action):
    """Runs it in a child whose limit of descriptors, and its children's, is this."""
    child = os.fork()
    if child == 0:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
            action()
        except BaseException as error:  # noqa: BLE001: the parent is told by the exit status
            print(error, file=sys.stderr)
            os._exit(1)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
