"""Calls of the protocol from Python, over a connection that stays open. Messages are written as
{field number: value}, since no package of ours brings protobuf for Python."""
import re
import socket
import struct

import http2

OK, UNAVAILABLE, RESOURCE_EXHAUSTED = 0, 14, 8
_WINDOW = 1 << 30  # more than any test reads from one connection


def encode(fields):
    """An int, a float (as `float`), text, bytes or a message (as bytes); a list for a repeated field."""
    parts = []
    for number, values in fields.items():
        for value in values if isinstance(values, list) else [values]:
            if isinstance(value, float):
                parts.append(_varint(number << 3 | 5) + struct.pack("<f", value))
            elif isinstance(value, int):
                parts.append(_varint(number << 3) + _varint(value))
            else:
                data = value.encode() if isinstance(value, str) else value
                parts.append(_varint(number << 3 | 2) + _varint(len(data)) + data)
    return b"".join(parts)


def decode(message):
    """{field number: its values}: ints, or bytes for all that isn't a varint."""
    fields = {}
    at = 0
    while at < len(message):
        key, at = _read_varint(message, at)
        if key & 7 == 0:
            value, at = _read_varint(message, at)
        else:
            size = {1: 8, 5: 4}.get(key & 7)
            if size is None:
                size, at = _read_varint(message, at)
            value = message[at : at + size]
            at += size
        fields.setdefault(key >> 3, []).append(value)
    return fields


def _varint(value):
    data = bytearray()
    while value > 0x7F:
        data.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes(data + bytes([value]))


def _read_varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at


def framed(message):
    return struct.pack(">BI", 0, len(message)) + message


class Refused(Exception):
    """`code`: that of gRPC, None where the answer has none."""

    def __init__(self, code, text):
        super().__init__(f"code {code}: {text}")
        self.code = code


class Connection:
    """Like that of a well-behaved client: it acknowledges settings and answers pings. Not for several
    threads. An OSError says that it is no more. `window`: so many bytes of a call's answer are taken."""

    def __init__(self, address, token=None, ca_cert=None, source="127.0.0.1", timeout=30, window=_WINDOW):
        self.metadata = {"authorization": f"Bearer {token}"} if token else {}
        self._socket = http2.connect(address, ca_cert, timeout=timeout, source=source)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # Without a table, the peer's headers are literals.
        settings = struct.pack(">HIHI", http2.HEADER_TABLE_SIZE, 0, http2.INITIAL_WINDOW_SIZE, window)
        self._socket.sendall(http2.frame(http2.SETTINGS, 0, 0, settings)
                             + http2.frame(http2.WINDOW_UPDATE, 0, 0, struct.pack(">I", _WINDOW)))
        self._frames = http2.read_frames(self._socket)
        self._next = 1
        self._answers = {}  # of streams that are open

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self._socket.close()

    def settimeout(self, seconds):
        self._socket.settimeout(seconds)

    def begin(self, method, message, end=True):
        """Sends a call and returns its stream. Not `end`: more messages may follow."""
        stream, self._next = self._next, self._next + 2
        self._answers[stream] = b""
        block = http2.headers(f"loupe.v1.{method}", **self.metadata)
        self._socket.sendall(
            http2.frame(http2.HEADERS, http2.END_HEADERS, stream, block)
            + http2.frame(http2.DATA, http2.END_STREAM if end else 0, stream, framed(message)))
        return stream

    def next_end(self):
        """Waits until a call ends; returns its stream, gRPC's code, and its messages as they were framed or
        the peer's reason."""
        for kind, flags, stream, payload in self._frames:
            if kind == http2.SETTINGS and not flags & http2.ACK:
                self._socket.sendall(http2.frame(http2.SETTINGS, http2.ACK, 0))
            elif kind == http2.PING and not flags & http2.ACK:
                self._socket.sendall(http2.frame(http2.PING, http2.ACK, 0, payload))
            elif kind == http2.GOAWAY:
                raise ConnectionResetError(f"the peer says goodbye: {payload[4:]!r}")
            elif stream not in self._answers:
                continue
            elif kind == http2.DATA:
                self._answers[stream] += payload
            elif kind == http2.RST_STREAM:
                del self._answers[stream]
                return stream, None, f"reset: {int.from_bytes(payload, 'big')}"
            if kind in (http2.HEADERS, http2.DATA) and flags & http2.END_STREAM:
                answer = self._answers.pop(stream)
                code, reason = _end_of(payload) if kind == http2.HEADERS else (None, "no trailers")
                return stream, code, answer if code == OK else reason
        raise ConnectionResetError("the peer has closed the connection")

    def call(self, method, fields):
        """One call to its end. Returns the answer, decoded."""
        stream = self.begin(method, encode(fields))
        while True:
            ended, code, answer = self.next_end()
            if ended == stream:
                break
        if code != OK:
            raise Refused(code, answer)
        return decode(answer[5:])


def _end_of(block):
    """gRPC's code and message in a header block of literals."""
    code = re.search(rb"grpc-status[\x01\x02](\d{1,2})", block)
    text = re.search(rb"grpc-message.([\x20-\x7e]*)", block, re.DOTALL)
    return int(code[1]) if code else None, text[1].decode() if text else repr(block)
