"""HTTP/2 frames by hand: what no well-behaved client sends. RFC 9113, RFC 7541."""
import socket
import ssl
import struct

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE = 0, 1, 3, 4, 6, 7, 8
ACK, END_STREAM, END_HEADERS = 1, 1, 4
HEADER_TABLE_SIZE, INITIAL_WINDOW_SIZE = 1, 4
CANCEL = 8


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def _text(text):
    data = text.encode()
    assert len(data) < 127
    return bytes([len(data)]) + data


def headers(method, **more):
    """The header block of a gRPC call, each field a literal that isn't indexed."""
    fields = {":method": "POST", ":scheme": "http", ":path": f"/{method}", ":authority": "x",
              "te": "trailers", "content-type": "application/grpc", **more}
    return b"".join(b"\0" + _text(name) + _text(value) for name, value in fields.items())


def connect(address, ca_cert=None, timeout=30, source="127.0.0.1"):
    """With TLS where the authority's certificate is given. It never acknowledges the peer's settings."""
    host, port = address.rsplit(":", 1)
    connection = socket.create_connection((host, int(port)), timeout=timeout, source_address=(source, 0))
    if ca_cert is not None:
        tls = ssl.create_default_context(cafile=ca_cert)
        tls.set_alpn_protocols(["h2"])
        connection = tls.wrap_socket(connection, server_hostname=host)
    connection.sendall(PREFACE + frame(SETTINGS, 0, 0))
    return connection


def read_frames(connection):
    """Frames as (kind, flags, stream, payload), until the peer closes."""
    buffer = b""
    while True:
        while len(buffer) >= 9:
            size = int.from_bytes(buffer[:3], "big")
            if len(buffer) < 9 + size:
                break
            kind, flags, stream = struct.unpack(">BBI", buffer[3:9])
            yield kind, flags, stream & 0x7FFFFFFF, buffer[9 : 9 + size]
            buffer = buffer[9 + size :]
        got = connection.recv(1 << 16)
        if not got:
            return
        buffer += got
