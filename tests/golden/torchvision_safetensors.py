"""Reads and writes safetensors by hand, so that the tests need no package and share no code with Loupe."""

import json
import struct

import numpy
import torch

_DTYPES = {"F32": torch.float32, "I64": torch.int64, "U8": torch.uint8}


def write(path, tensors, metadata=None):
    """tensors: name -> float32, int64 or uint8 tensor. metadata: string -> string."""
    header, blobs, offset = {}, [], 0
    if metadata:
        header["__metadata__"] = metadata
    for name, tensor in tensors.items():
        tensor = tensor.detach().contiguous()
        dtype = next(key for key, value in _DTYPES.items() if value == tensor.dtype)
        blob = tensor.numpy().tobytes()
        header[name] = {
            "dtype": dtype,
            "shape": list(tensor.shape),
            "data_offsets": [offset, offset + len(blob)],
        }
        blobs.append(blob)
        offset += len(blob)
    text = json.dumps(header).encode()
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + b"".join(blobs))


def read(path):
    """Tensors by name, and the metadata."""
    with open(path, "rb") as file:
        header = json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))
        data = file.read()
    metadata = header.pop("__metadata__", {})
    tensors = {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        kind = numpy.float32 if entry["dtype"] == "F32" else numpy.int64
        array = numpy.frombuffer(data[begin:end], dtype=kind).reshape(entry["shape"]).copy()
        tensors[name] = torch.from_numpy(array)
    return tensors, metadata
