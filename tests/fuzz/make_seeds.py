"""Writes the seeds of the fuzz targets that are sound or nearly sound files: seeds/TARGET/made_*. The others
in these folders are what fuzzing found, and stay as they were found.

    /usr/bin/python3 tests/fuzz/make_seeds.py
"""

import collections
import io
import json
import os
import struct
import zipfile

import PIL.Image
import torch

SEEDS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "seeds")


def write(target, name, content):
    folder = os.path.join(SEEDS, target)
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "made_" + name), "wb") as file:
        file.write(content)


def safetensors():
    def pack(header, data):
        text = json.dumps(header, separators=(",", ":")).encode()
        return struct.pack("<Q", len(text)) + text + data

    def entry(dtype, shape, begin, end):
        return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}

    yield "plain", pack({"a": entry("F32", [2, 1], 0, 8), "b": entry("I64", [1], 8, 16)}, bytes(range(16)))
    yield "metadata", pack(
        {"__metadata__": {"loupe.preset": "small", "ä": "\""}, "a": entry("U8", [2], 0, 2)}, b"\1\2"
    )
    sizes = {
        "F64": 8,
        "I64": 8,
        "F32": 4,
        "I32": 4,
        "F16": 2,
        "BF16": 2,
        "I16": 2,
        "I8": 1,
        "U8": 1,
        "BOOL": 1,
    }
    header, offset = {}, 0
    for dtype, size in sizes.items():
        header[dtype.lower()] = entry(dtype, [], offset, offset + size)
        offset += size
    yield "scalars", pack(header, bytes([1]) * offset)
    yield "overflow_beside_zero", pack({"a": entry("F32", [0, 1 << 62, 4], 0, 0)}, b"")
    yield "empty", pack({"a": entry("F32", [0, 4], 0, 0), "b": entry("F32", [1], 0, 4)}, b"\0\0\x80\x7f")
    yield "no_tensors", pack({}, b"")
    yield "header_too_long", struct.pack("<Q", 1 << 40) + b"{}"


def state():
    base = torch.arange(12, dtype=torch.float32).view(4, 3)
    return collections.OrderedDict(
        a=base, t=base.t(), part=base[1:3, 1:], p=torch.nn.Parameter(base[0].clone())
    )


def saved(value, **options):
    file = io.BytesIO()
    torch.save(value, file, **options)
    return file.getvalue()


class Hostile:
    def __reduce__(self):
        return os.system, ("true",)


def torch_files():
    types = {
        str(dtype)[6:]: torch.ones(2).to(dtype)
        for dtype in (
            torch.half,
            torch.bfloat16,
            torch.double,
            torch.int64,
            torch.int32,
            torch.int16,
            torch.int8,
            torch.uint8,
            torch.bool,
        )
    }
    nested = {
        "model": state(),
        "epoch": 3,
        "note": "ä",
        "rate": 0.5,
        "list": [1, None, (True, 70000, 1 << 40)],
    }
    files = {
        "plain": state(),
        "types": types,
        "nested": nested,
        "empty": {"a": torch.empty((0, 3)), "b": torch.tensor(1)},
        "no_tensors": {"epoch": 3},
        "hostile": {"a": torch.ones(1), "trap": Hostile()},
    }
    for name, value in files.items():
        yield name, saved(value)
    yield "protocol_4", saved(state(), pickle_protocol=4)
    for name in ("plain", "types", "nested"):
        yield "old_" + name, saved(files[name], _use_new_zipfile_serialization=False)
    packed = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(saved(files["plain"]))) as archive:
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as copy:
            for name in archive.namelist():
                copy.writestr(name, archive.read(name))
    yield "compressed", packed.getvalue()


def torch_pickles():
    for name, value in torch_files():
        if zipfile.is_zipfile(io.BytesIO(value)) and name != "compressed":
            with zipfile.ZipFile(io.BytesIO(value)) as archive:
                yield name, archive.read("archive/data.pkl")


def encoded(picture, kind, **options):
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def images():
    gradient = PIL.Image.linear_gradient("L").resize((24, 16))
    colours = PIL.Image.merge("RGB", (gradient, gradient.transpose(PIL.Image.FLIP_LEFT_RIGHT), gradient))
    for name, picture in {
        "grey": gradient,
        "colour": colours,
        "dot": colours.resize((1, 1)),
        "thin": colours.resize((300, 1)),
        "alpha": colours.convert("RGBA"),
        "grey_alpha": gradient.convert("LA"),
        "bit": gradient.convert("1"),
        "palette": colours.quantize(8),
        "deep": gradient.convert("I").point(lambda level: level * 257),
    }.items():
        yield name + ".png", encoded(picture, "PNG")
    yield "transparent.png", encoded(colours.quantize(4), "PNG", transparency=1)
    exif = PIL.Image.Exif()
    for orientation in (3, 6, 8):
        exif[0x0112] = orientation
        yield f"turned_{orientation}.jpg", encoded(colours, "JPEG", exif=exif)
    yield "turned.png", encoded(colours, "PNG", exif=exif)
    yield "grey.jpg", encoded(gradient, "JPEG")
    yield "dot.jpg", encoded(colours.resize((1, 1)), "JPEG")
    yield "cmyk.jpg", encoded(colours.convert("CMYK"), "JPEG")
    yield "progressive.jpg", encoded(colours, "JPEG", progressive=True, subsampling=0)
    yield "other.gif", encoded(gradient, "GIF")


def coco():
    image = {"id": 1, "file_name": "a.png", "width": 100, "height": 80}
    category = {"id": 3, "name": "dent"}
    box = {"id": 1, "image_id": 1, "category_id": 3, "bbox": [0.1, 2, 30, 40.5]}
    files = {
        "plain": [[image], [box], [category]],
        "all_fields": [[image], [dict(box, area=12.5, iscrowd=1, segmentation=[[1, 2, 3]])], [category]],
        "overhang": [[image], [dict(box, bbox=[-0.3, 0.1, 50, 80.4])], [category]],
        "no_sizes": [[{"id": 1, "file_name": "sub/ä.png"}], [box], [category]],
        "large_numbers": [
            [{"id": 1, "file_name": "a.png"}],
            [dict(box, bbox=[-1e19, 0, 2.0**64, 2])],
            [category],
        ],
        "area_overflows": [
            [{"id": 1, "file_name": "a.png"}],
            [dict(box, bbox=[0, 0, 1e200, 1e200])],
            [category],
        ],
        "for_evaluation": [[{"id": 1}], [dict(box, bbox=[-5, 0, 500, 0])], [{"id": 3}]],
        "wrong": [
            [image, image],
            [dict(box, bbox=[1, 2, 3]), dict(box, image_id="1")],
            [category, dict(category, id=4)],
        ],
    }
    for name, (pictures, annotations, categories) in files.items():
        document = {"info": {}, "images": pictures, "annotations": annotations, "categories": categories}
        yield name, json.dumps(document, ensure_ascii=False).encode()
    yield "cut", b'{"images": [\n {"id": 1'


def http():
    end = b"HTTP/1.1\r\nHost: a\r\n"
    chunks = b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
    yield "get", b"GET / " + end + b"\r\n"
    yield "post", b"POST /x?y=1 " + end + b"Content-Length: 3\r\n\r\nabc"
    yield "chunks", b"POST /pieces " + end + chunks
    yield "chunks_with_trailer", b"POST /x " + end + chunks[:-2] + b"Host: b\r\n\r\n"
    yield "pipelined", (b"GET /pieces " + end + b"\r\n") * 3 + b"GET /refuse " + end + b"\r\n"
    yield "both_lengths", b"POST /x " + end + b"Content-Length: 3\r\n" + chunks
    yield "asked_to_go_on", b"POST /x " + end + b"Expect: 100-continue\r\nContent-Length: 1\r\n\r\na"
    yield "old", b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"
    yield "folded", b"GET / " + end + b"X: a\r\n b\r\n\r\n"
    yield "bare_line_feeds", b"GET / HTTP/1.1\nHost: a\n\n"
    yield "cut", b"POST /x " + end + b"Content-Length: 10\r\n\r\nabc"


def connect():
    # The first byte: JSON, binary, an envelope, an address, a header; the second a method.
    for method in range(0, 60, 7):
        yield f"json_{method}", bytes([0, method]) + b'{"project": "parts", "requestId": "1"}'
        yield f"binary_{method}", bytes([1, method]) + b"\x0a\x01a\x12\x01b"
    yield "json_nested", b"\0\0" + b'{"a":[{"b":' * 40
    yield "envelope", b"\2\0" + struct.pack(">BI", 0, 3) + b"abc"
    yield "envelope_cut", b"\2\0" + struct.pack(">BI", 0, 30) + b"abc"
    yield "picture", b"\3\0/images/" + b"ab" * 32 + b"/rendering?low=1&high=4095"
    yield "range", b"\3\0bytes=5-10"
    yield "type", b"\4\0application/connect+json; charset=utf-8"
    yield "host", b"\4\0localhost:8080"
    yield "cookie", b"\4\0a=b; loupe_session_8080=secret"


def main():
    for target, make in {"safetensors": safetensors, "torch_file": torch_files, "torch_pickle": torch_pickles,
                         "image": images, "coco": coco, "http": http, "connect": connect}.items():
        for name, content in make():
            write(target, name, content)


main()
