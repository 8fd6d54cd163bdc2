"""HTTP/1.1 on a raw socket: sends any bytes, and reads answers as strictly as a proxy would."""
import collections
import contextlib
import json as json_format
import socket
import ssl
import struct

Answer = collections.namedtuple("Answer", "status headers body")
REPEATABLE = ("set-cookie",)


def request(method, target, host, headers=(), body=b"", announces=True):
    """The bytes of a request. `headers`: pairs, or a dictionary."""
    pairs = list(headers.items() if isinstance(headers, dict) else headers)
    lines = [f"{method} {target} HTTP/1.1", f"Host: {host}"] + [f"{name}: {value}" for name, value in pairs]
    if announces and (body or method in ("POST", "PUT")):
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


def envelope(message, flags=0):
    """Of Connect's streams."""
    return struct.pack(">BI", flags, len(message)) + message


def messages_in(body):
    """[(flags, bytes)] of a stream."""
    found = []
    while body:
        flags, size = struct.unpack(">BI", body[:5])
        assert len(body) >= 5 + size, f"a message of {size} bytes is cut after {len(body) - 5}"
        found.append((flags, body[5 : 5 + size]))
        body = body[5 + size :]
    return found


class Connection:
    """One TCP connection; `tls` is a context and may be None."""

    def __init__(self, address, timeout=10, tls=None):
        host, port = address.rsplit(":", 1)
        self.socket = socket.create_connection((host.strip("[]"), int(port)), timeout=timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls is not None:
            self.socket = tls.wrap_socket(self.socket, server_hostname=host)
        self._left = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def send_some(self, data):
        """As much as the peer takes: it may have answered and closed already."""
        with contextlib.suppress(OSError):
            self.socket.sendall(data)

    def _more(self):
        try:
            data = self.socket.recv(1 << 16)
        except (ConnectionResetError, ssl.SSLEOFError):
            data = b""
        if not data:
            raise EOFError(f"the connection ended; {self._left[:200]!r} was left")
        self._left += data

    def _line(self):
        while b"\r\n" not in self._left:
            self._more()
        line, self._left = self._left.split(b"\r\n", 1)
        return line.decode("latin-1")

    def _bytes(self, count):
        while len(self._left) < count:
            self._more()
        data, self._left = self._left[:count], self._left[count:]
        return data

    def _chunks(self):
        body = b""
        while True:
            size = int(self._line(), 16)
            body += self._bytes(size)
            assert self._line() == "", "a chunk has another size than it says"
            if size == 0:
                return body

    def answer(self, method="GET"):
        """The next one, whole. EOFError: the peer closed instead."""
        version, status, *_ = self._line().split(" ", 2)
        assert version == "HTTP/1.1", version
        headers = {}
        while line := self._line():
            name, value = line.split(": ", 1)
            assert name.lower() not in headers or name.lower() in REPEATABLE, f"{name} comes twice"
            headers[name.lower()] = value
        body = b""
        if int(status) == 100 or int(status) == 304 or method == "HEAD":
            pass
        elif headers.get("transfer-encoding") == "chunked":
            assert "content-length" not in headers
            body = self._chunks()
        else:
            body = self._bytes(int(headers["content-length"]))
        return Answer(int(status), headers, body)

    def answers_until_the_end(self):
        """One after the other. TimeoutError: the peer doesn't close."""
        while True:
            try:
                yield self.answer()
            except EOFError:
                assert not self._left, f"half an answer: {self._left[:300]!r}"
                return

    def has_ended(self):
        """Waits for the end, as long as the socket's timeout."""
        try:
            while True:
                self._more()
        except EOFError:
            return True
        except TimeoutError:
            return False


def ask(address, method, target, headers=(), body=b"", host=None, timeout=10, tls=None):
    """One request on a connection of its own."""
    with Connection(address, timeout, tls) as connection:
        connection.send(request(method, target, address if host is None else host, headers, body))
        return connection.answer(method)


def json_of(answer):
    return json_format.loads(answer.body)
