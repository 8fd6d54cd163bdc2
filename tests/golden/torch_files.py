"""Weight files of PyTorch for a test to read, and what PyTorch reads in those that Loupe wrote.

    torch_files.py write FOLDER         made-up files, sound and hostile
    torch_files.py read FILE.pth OUT    the tensors of FILE as safetensors
"""

import argparse
import collections
import os
import sys
import zipfile

import torch

import torchvision_safetensors


class Hostile:
    def __reduce__(self):
        return os.system, ("touch /tmp/loupe_was_here",)


class Python2(collections.OrderedDict):
    """As Python 2 pickled it."""

    def __reduce__(self):
        return collections.OrderedDict, ([[key, value] for key, value in self.items()],)


def tensors():
    generator = torch.Generator().manual_seed(5)
    base = torch.randn((6, 4), generator=generator)
    return collections.OrderedDict(
        plain=base, transposed=base.t(), part=base[2:4, 1:], half=base.half(), bfloat=base.bfloat16(),
        counts=torch.arange(5), scalar=torch.tensor(2.5), empty=torch.empty((0, 3)),
        parameter=torch.nn.Parameter(base[0].clone()), shared=base)


def compress(source, path):
    with zipfile.ZipFile(source) as archive, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as copy:
        for name in archive.namelist():
            copy.writestr(name, archive.read(name))


def overlap(source, path):
    """Keeps the data of the first tensor alone; the directory leads there for all of them."""
    with zipfile.ZipFile(source) as archive, zipfile.ZipFile(path, "w") as copy:
        first = None
        for name in archive.namelist():
            copy.writestr(name, b"" if first and "/data/" in name else archive.read(name))
            if "/data/" in name:
                entry = copy.getinfo(name)
                first = first or entry
                entry.header_offset, entry.file_size, entry.compress_size = (
                    first.header_offset, first.file_size, first.compress_size)


def write(folder):
    path = lambda name: os.path.join(folder, name)
    state = tensors()
    torch.save(state, path("raw.pth"))
    for key in ("model", "state_dict", "ema"):
        torch.save(
            {key: state, "epoch": 3, "note": "ä", "rate": 0.5, "list": [1, None, (True,)]}, path(f"{key}.pth")
        )
    for protocol in (2, 4):
        torch.save({"model": state, "epoch": 3}, path(f"old_{protocol}.pth"), pickle_protocol=protocol,
                   _use_new_zipfile_serialization=False)
    args = argparse.Namespace(lr=0.1, device=torch.device("cpu"))
    torch.save({"model": state, "args": args, "seed": 1 << 100,
                "history": collections.defaultdict(list, loss=[1.0])}, path("reference.pth"))
    torch.save(state, path("old_protocol.pth"), pickle_protocol=0, _use_new_zipfile_serialization=False)
    torch.save({"trap": Hostile(), "model": state}, path("old_hostile.pth"),
               _use_new_zipfile_serialization=False)
    torch.save(Python2(state), path("python2.pth"), _use_new_zipfile_serialization=False)
    torch.save({"model": state, "trap": Hostile()}, path("hostile.pth"))
    torch.save({"epoch": 3}, path("nothing.pth"))
    compress(path("raw.pth"), path("compressed.pth"))
    torch.save({str(i): torch.ones(1000) * i for i in range(3)}, path("large.pth"))
    overlap(path("large.pth"), path("overlapping.pth"))
    torchvision_safetensors.write(
        path("expected.safetensors"),
        {key: value.float() if value.is_floating_point() else value for key, value in state.items()},
    )


def read(path, out):
    torchvision_safetensors.write(out, torch.load(path))


def main():
    command, *arguments = sys.argv[1:]
    {"write": write, "read": read}[command](*arguments)


main()
