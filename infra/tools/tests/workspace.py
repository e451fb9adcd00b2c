"""A stand-in for Amazon Managed Service for Prometheus, and what of AWS the tests answer for moto."""

import http.server
import json
import re
import struct
import threading
import types
import urllib.parse

import boto3
import running
from running import REGION, Moto

TOPIC = "contact-manager-dev-alerts"
SIDES = {
    "fargate": {"Down": "rule", "AlertTest": "rule", "SpotReclaimed": "event"},
    "lambda": {"Down": "alarm", "AlertTest": "alarm", "Hung": "A call that hangs is an error."},
    "shared": {"QueueAge": "alarm", "Budget": "AWS Budgets writes by itself."},
}


def set_up_clients():
    running.setUpModule()
    for clients in (Moto.own, Moto.commands, Moto.befores):
        for name in ("sns", "sts"):
            clients.setdefault(name, boto3.client(name, region_name=REGION))


def watch(test, world, *sides):
    """From now on Terraform's outputs say that these sides are watched, by the workspace that is returned."""
    workspace = Workspace(test)
    workspace.topic_arn = world.aws("sns").create_topic(Name=TOPIC)["TopicArn"]
    outputs = world._outputs
    world._outputs = lambda: {
        **outputs(),
        "metrics": {"value": {"remote_write_url": f"{workspace.url}/api/v1/remote_write"}},
        "alerts": {"value": {"topic_arn": workspace.topic_arn, "watched": {side: SIDES[side] for side in sides}}},
    }
    return workspace


def alarm(world, topics, name, **more):
    """An alarm of CloudWatch that tells these topics."""
    world.aws("cloudwatch").put_metric_alarm(
        AlarmName=name,
        AlarmActions=topics,
        Namespace="ContactManager",
        MetricName="contacts_alert_test",
        Statistic="Maximum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=0,
        ComparisonOperator="GreaterThanThreshold",
        **more,
    )


def instead(test, service, operation, answer):
    """Has `answer` say what AWS would to a command's call, of which moto knows nothing or something else."""
    events, name = Moto.commands[service].meta.events, f"before-call.{service}.{operation}"

    def handler(params, **_):
        return types.SimpleNamespace(status_code=200), answer(params)

    events.register(name, handler)
    test.addCleanup(events.unregister, name, handler)


class Workspace:
    """It takes samples and has a rule that fires on them, an Alertmanager, and its silences."""

    def __init__(self, test):
        self.samples, self.silences, self.asked = [], {}, []
        # What a test breaks: the answer to a request, by method and the end of its path.
        self.refused = {}
        self.fires, self.hears = True, True
        # Called when the Alertmanager tells somebody.
        self.publish = lambda: None
        workspace = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def answer(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                code, answer = workspace.answer(self.command, self.path, self.headers, body)
                content = json.dumps(answer).encode()
                self.send_response(code)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = do_DELETE = answer

            def log_message(self, *_arguments):
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        test.addCleanup(server.server_close)
        test.addCleanup(server.shutdown)
        self.url = f"http://127.0.0.1:{server.server_port}/workspaces/ws-1"

    def answer(self, method, target, headers, body):
        path, _, query = target.removeprefix("/workspaces/ws-1/").partition("?")
        self.asked.append(f"{method} {path}")
        scope = f"Credential=test/\\d+/{REGION}/aps/aws4_request"
        if not re.search(scope, headers.get("Authorization", "")):
            return 403, "not signed"
        if refusal := self.refused.get(f"{method} {path.rpartition('/')[2]}"):
            return next(refusal), "refused"
        match method, path.split("/"):
            case "POST", ["api", "v1", "remote_write"]:
                self.samples.append(sample(body))
                return 200, None
            case "GET", ["api", "v1", "query"]:
                (expression,) = urllib.parse.parse_qs(query)["query"]
                asked = expression == 'ALERTS{alertname="AlertTest",alertstate="firing"}'
                found = [{"metric": {}, "value": [0, "1"]}] if asked and self.samples and self.fires else []
                return 200, {"status": "success", "data": {"resultType": "vector", "result": found}}
            case "GET", ["alertmanager", "api", "v2", "alerts"]:
                by = [id for id, each in self.silences.items() if each["matchers"][0]["value"] == "AlertTest"]
                status = {"state": "suppressed" if by else "active", "silencedBy": by, "inhibitedBy": []}
                if self.hears and not by:
                    self.publish()
                alerts = [("Down", "active"), *[("AlertTest", None)] * self.hears]
                return 200, [
                    {"labels": {"alertname": name}, "status": status | ({"state": state} if state else {})}
                    for name, state in alerts
                ]
            case "GET", ["alertmanager", "api", "v2", "silences"]:
                return 200, [{"id": id, "status": {"state": "active"}, **each} for id, each in self.silences.items()]
            case "POST", ["alertmanager", "api", "v2", "silences"]:
                id = f"silence-{len(self.asked)}"
                self.silences[id] = json.loads(body)
                return 200, {"silenceID": id}
            case "DELETE", ["alertmanager", "api", "v2", "silence", id]:
                del self.silences[id]
                return 200, None
        return 404, "no such path"


def sample(block):
    """The labels, the value and the time of a request of remote write, read by hand."""
    length, data = varint(block)
    message = b""
    while data:
        tag, data = data[0], data[1:]
        if tag & 3 or tag >> 2 >= 60:
            raise ValueError("not a short literal")
        size = (tag >> 2) + 1
        message, data = message + data[:size], data[size:]
    if length != len(message):
        raise ValueError("the block has another length")
    ((_, series),) = fields(message)
    found = fields(series)
    labels = [[text.decode() for _, text in fields(label)] for number, label in found if number == 1]
    ((_, values),) = [field for field in found if field[0] == 2]
    value, moment = dict(fields(values)).values()
    return dict(labels), value, moment


def fields(message):
    found = []
    while message:
        key, message = varint(message)
        match key & 7:
            case 0:
                value, message = varint(message)
            case 1:
                (value,), message = struct.unpack("<d", message[:8]), message[8:]
            case 2:
                length, message = varint(message)
                value, message = message[:length], message[length:]
        found.append((key >> 3, value))
    return found


def varint(data):
    number = 0
    for index, byte in enumerate(data):
        number |= (byte & 0x7F) << 7 * index
        if byte < 0x80:
            return number, data[index + 1 :]
    raise ValueError("the number does not end")
