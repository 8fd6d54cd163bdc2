"""Importing 10,000 pictures of 50 kB over loopback: pictures a second and the coordinator's largest resident
size.

The reference is a plain copy of the same files with a sync of each, in the same run: what any store that
keeps pictures durably has to pay. Aims: 300 pictures a second, below 300 MB.
"""
import argparse
import json
import os
import struct
import sys
import time
import zlib

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from loupe_programs import Deployment  # noqa: E402

PICTURE_BYTES = 50_000


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def picture(number):
    """A grey PNG of 222 x 222 pixels that no compressor shrinks."""
    rows = b"".join(b"\0" + os.urandom(222) for _ in range(222))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 222, 222, 8, 0, 0, 0, 0))
            + chunk(b"tEXt", b"number\0" + str(number).encode())
            + chunk(b"IDAT", zlib.compress(rows, 0)) + chunk(b"IEND", b""))


def copy_with_sync(source, target):
    os.makedirs(target)
    started = time.monotonic()
    for name in os.listdir(source):
        with open(os.path.join(source, name), "rb") as file:
            data = file.read()
        with open(os.path.join(target, name), "wb") as file:
            file.write(data)
            os.fsync(file.fileno())
    return time.monotonic() - started


def peak_megabytes(pid):
    with open(f"/proc/{pid}/status", encoding="utf-8") as file:
        return next(int(line.split()[1]) / 1024 for line in file if line.startswith("VmHWM"))


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="2,000 pictures")
    count = 2_000 if parser.parse_args().quick else 10_000

    with Deployment() as deployment:
        folder = deployment.path("pictures")
        os.makedirs(folder)
        for number in range(count):
            with open(os.path.join(folder, f"{number:05}.png"), "wb") as file:
                file.write(picture(number))
        reference = copy_with_sync(folder, deployment.path("copy"))
        deployment.loupe("project", "create", "bench", "--classes", "a", "--seed", "1")
        started = time.monotonic()
        deployment.loupe("import", "--images", folder)
        seconds = time.monotonic() - started
        figures = {
            "benchmark": "import", "pictures": count, "picture_bytes": PICTURE_BYTES,
            "pictures_per_second": round(count / seconds, 1),
            "copy_with_sync_per_second": round(count / reference, 1),
            "ratio_to_copy_with_sync": round(reference / seconds, 3),
            "coordinator_peak_mb": round(peak_megabytes(deployment.pid("server")), 1),
        }
    for name, value in figures.items():
        print(f"{name:28}{value}")
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
