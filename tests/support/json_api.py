"""Calls of the API as JSON over HTTP, over a connection that stays open."""
import http.client
import json
import uuid


class JsonApi:
    """As the person of a new token. Not for several threads."""

    def __init__(self, deployment, role, name):
        created = deployment.json("token", "create", "--role", role, "--name", name)
        self.headers = {"Authorization": f"Bearer {created['secret']}", "Content-Type": "application/json"}
        with open(deployment.path("server", "http.address"), encoding="utf-8") as file:
            self.connection = http.client.HTTPConnection(file.read().strip(), timeout=60)

    def call(self, method, **body):
        """The answer of `Service/Method`, which must succeed."""
        self.connection.request("POST", f"/loupe.v1.{method}", json.dumps(body), self.headers)
        response = self.connection.getresponse()
        answer = json.loads(response.read())
        assert response.status == 200, answer
        return answer

    def change(self, method, **body):
        """One of a method that takes a request_id."""
        return self.call(method, requestId=str(uuid.uuid4()), **body)
