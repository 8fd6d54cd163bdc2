"""HAProxy with deploy/haproxy.cfg before a coordinator."""
import os
import socket
import subprocess
import time

from loupe_programs import SOURCE, run


class Front:
    """Ends with `end`. `address` is where it listens, `ca_cert` the certificate of its authority."""

    def __init__(self, deployment, coordinator):
        certificates = deployment.path("certificates")
        run(os.path.join(SOURCE, "deploy", "make-ca.sh"), certificates, "127.0.0.1")
        self.ca_cert = os.path.join(certificates, "ca.pem")
        both = os.path.join(certificates, "front.pem")
        with open(both, "w", encoding="utf-8") as file:
            for name in ("server.pem", "server.key"):
                with open(os.path.join(certificates, name), encoding="utf-8") as part:
                    file.write(part.read())
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.address = f"127.0.0.1:{free.getsockname()[1]}"
        environment = {**os.environ, "LOUPE_LISTEN": self.address, "LOUPE_CERT": both,
                       "LOUPE_COORDINATOR": coordinator}
        self._haproxy = subprocess.Popen(
            ["/usr/sbin/haproxy", "-db", "-f", os.path.join(SOURCE, "deploy", "haproxy.cfg")],
            env=environment, stdout=subprocess.DEVNULL)
        self.pid = self._haproxy.pid
        deadline = time.time() + 10
        while True:
            try:
                socket.create_connection(self.address.rsplit(":", 1), timeout=1).close()
                return
            except OSError:
                if time.time() > deadline:
                    self.end()
                    raise AssertionError("haproxy doesn't listen") from None
                time.sleep(0.1)

    def end(self):
        self._haproxy.kill()
        self._haproxy.wait()
