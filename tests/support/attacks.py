"""What no well-behaved client sends to a coordinator's port, or to the front before it. `connect` returns a
new connection of http2.py, `block` is the header block of a call."""
import functools
import gzip
import socket
import ssl
import struct
import time

import http2


def open_connections(address, count, source="127.0.0.1"):
    """As many TCP connections as the peer takes."""
    host, port = address.rsplit(":", 1)
    connections = []
    for _ in range(count):
        try:
            connections.append(
                socket.create_connection((host, int(port)), timeout=10, source_address=(source, 0)))
        except OSError:
            break
    return connections


@functools.cache
def compressed_message():
    """A gRPC message that holds a gigabyte."""
    body = gzip.compress(bytes(1 << 30), 9)
    return struct.pack(">BI", 1, len(body)) + body


def send_compressed(connect, block):
    """The block says `grpc-encoding: gzip`."""
    message = compressed_message()
    with connect() as connection:
        try:
            connection.sendall(http2.frame(http2.HEADERS, http2.END_HEADERS, 1, block))
            for at in range(0, len(message), 1 << 14):
                connection.sendall(http2.frame(http2.DATA, 0, 1, message[at : at + (1 << 14)]))
            connection.sendall(http2.frame(http2.DATA, http2.END_STREAM, 1))
            connection.settimeout(3)
            for _ in http2.read_frames(connection):
                pass
        except OSError:
            pass


def open_and_reset(connect, block, seconds, per_second=None):
    """Streams that are opened and reset at once, 200 at a time; as many as it can unless it is told how many
    a second."""
    end = time.time() + seconds
    reset = struct.pack(">I", http2.CANCEL)
    while time.time() < end:
        try:
            with connect() as connection:
                stream = 1
                while time.time() < end:
                    burst = []
                    for _ in range(200):
                        burst.append(http2.frame(http2.HEADERS, http2.END_HEADERS, stream, block))
                        burst.append(http2.frame(http2.RST_STREAM, 0, stream, reset))
                        stream += 2
                    connection.settimeout(5)
                    connection.sendall(b"".join(burst))
                    connection.settimeout(0.0001)
                    try:
                        if not connection.recv(1 << 16):
                            break
                    except (TimeoutError, ssl.SSLWantReadError):
                        pass
                    if per_second:
                        time.sleep(200 / per_second)
        except OSError:
            time.sleep(0.01)


def open_streams(connection, block, count, per_second=None):
    """Calls on one connection, whatever its settings allow. Their messages don't follow."""
    for stream in range(1, 2 * count, 2):
        connection.sendall(http2.frame(http2.HEADERS, http2.END_HEADERS, stream, block))
        if per_second and stream % 200 == 1:
            time.sleep(100 / per_second)


def begin_bodies(connection, block, streams, bodies):
    """Calls of which some have begun a message of 4 MiB."""
    open_streams(connection, block, streams)
    start = struct.pack(">BI", 0, (4 << 20) - 1) + bytes(16_000)
    for stream in range(1, 2 * bodies, 2):
        connection.sendall(http2.frame(http2.DATA, 0, stream, start))


def drain(connection, seconds):
    """Reads until the peer closes or says nothing for so long."""
    connection.settimeout(seconds)
    try:
        for _ in http2.read_frames(connection):
            pass
    except OSError:
        pass
