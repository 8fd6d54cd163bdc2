"""Whether a coordinator serves, as grpc.health.v1 says."""
import struct

import http2

_SERVING = 1


def is_serving(address, timeout=5):
    """Not so either where nobody listens, or no answer comes in that time."""
    try:
        return _status(address, timeout) == _SERVING
    except OSError:
        return False


def _status(address, timeout):
    with http2.connect(address, timeout=timeout) as connection:
        block = http2.headers("grpc.health.v1.Health/Check")
        connection.sendall(http2.frame(http2.HEADERS, http2.END_HEADERS, 1, block)
                           + http2.frame(http2.DATA, http2.END_STREAM, 1, struct.pack(">BI", 0, 0)))
        for kind, _, _, payload in http2.read_frames(connection):
            if kind == http2.DATA:
                return payload[6]
    return None
