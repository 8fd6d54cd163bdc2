"""Processes that stand still for a while, as on a machine that swaps or was suspended (SIGSTOP)."""
import contextlib
import os
import signal


@contextlib.contextmanager
def standing_still(*pids):
    """Within the `with`."""
    stopped = []
    try:
        for pid in pids:
            _send(pid, signal.SIGSTOP)
            stopped.append(pid)
        yield
    finally:
        for pid in stopped:
            _send(pid, signal.SIGCONT)


@contextlib.contextmanager
def postgres_standing_still(deployment):
    """All of its processes; the main one first, so that none is added meanwhile."""
    main = deployment.pid("postgres")
    with standing_still(main), standing_still(*_others_of(main)):
        yield


def _others_of(main):
    """They work in the same folder."""
    folder = os.readlink(f"/proc/{main}/cwd")
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            if os.readlink(f"/proc/{name}/cwd") == folder and int(name) != main:
                yield int(name)
        except OSError:
            pass  # it has ended


def _send(pid, number):
    with contextlib.suppress(ProcessLookupError):  # a backend whose connection was cut
        os.kill(pid, number)
