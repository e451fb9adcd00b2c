"""A workspace of Amazon Managed Service for Prometheus: samples go in, and its rules and its Alertmanager are asked.

Every request is signed for the service `aps`. boto3 has no client for this part of it. Samples travel as remote write
takes them (https://prometheus.io/docs/specs/prw/remote_write_spec/): protobuf in Snappy's block format, in which a
block need not be compressed (https://github.com/google/snappy/blob/main/format_description.txt).
"""

import json
import struct
import time
import urllib.parse

import botocore.session
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.exceptions import HTTPClientError
from botocore.httpsession import URLLib3Session
from botocore.utils import get_environ_proxies

from .outcome import Failed

REMOTE_WRITE = "api/v1/remote_write"
ALERTMANAGER = "alertmanager/api/v2"


class Unavailable(Failed):
    """It may answer when it is asked again."""


class Workspace:
    def __init__(self, remote_write_url, region):
        self.url = remote_write_url.removesuffix(REMOTE_WRITE)
        session = botocore.session.get_session()
        self.signer = SigV4Auth(session.get_credentials(), "aps", region)
        self.http = URLLib3Session(
            verify=session.get_config_variable("ca_bundle") or True,
            proxies=get_environ_proxies(self.url),
            timeout=(5, 20),
        )

    def write(self, name, value):
        """Takes in a sample, of now."""
        headers = {
            "Content-Encoding": "snappy",
            "Content-Type": "application/x-protobuf",
            "X-Prometheus-Remote-Write-Version": "0.1.0",
        }
        sample = write_request({"__name__": name}, value, int(time.time() * 1000))
        self._ask("POST", REMOTE_WRITE, snappy(sample), headers)

    def query(self, expression):
        """The series that an expression finds."""
        query = urllib.parse.urlencode({"query": expression}, quote_via=urllib.parse.quote)
        return json.loads(self._ask("GET", f"api/v1/query?{query}"))["data"]["result"]

    def alerts(self, name):
        """What the Alertmanager has of an alert."""
        found = json.loads(self._ask("GET", f"{ALERTMANAGER}/alerts"))
        return [alert for alert in found if alert["labels"].get("alertname") == name]

    def silences(self, alert):
        """The ids of the silences of an alert that are not over, whoever made them."""
        found = json.loads(self._ask("GET", f"{ALERTMANAGER}/silences"))
        return [
            silence["id"]
            for silence in found
            if silence["status"]["state"] != "expired"
            and [(each["name"], each["value"]) for each in silence["matchers"]] == [("alertname", alert)]
        ]

    def silence(self, alert, begin, end, creator, comment):
        matcher = {"name": "alertname", "value": alert, "isRegex": False, "isEqual": True}
        silence = {
            "matchers": [matcher],
            "startsAt": begin.isoformat(),
            "endsAt": end.isoformat(),
            "createdBy": creator,
            "comment": comment,
        }
        body = json.dumps(silence).encode()
        self._ask("POST", f"{ALERTMANAGER}/silences", body, {"Content-Type": "application/json"})

    def end_silence(self, id):
        self._ask("DELETE", f"{ALERTMANAGER}/silence/{id}")

    def _ask(self, method, path, body=b"", headers=None):
        request = AWSRequest(method, f"{self.url}{path}", headers, body)
        self.signer.add_auth(request)
        what = f"{method} {path.partition('?')[0]}"
        try:
            answer = self.http.send(request.prepare())
        except HTTPClientError as error:
            raise Unavailable(f"the workspace does not answer {what}: {error}") from None
        if answer.status_code < 300:
            return answer.content
        kind = Unavailable if answer.status_code == 429 or answer.status_code >= 500 else Failed
        raise kind(f"the workspace answered {answer.status_code} to {what}: {answer.text[:200]}")


def write_request(labels, value, milliseconds):
    """The message WriteRequest of one sample of one series; labels must be sorted by their names."""
    # WriteRequest: 1 TimeSeries. TimeSeries: 1 Label, 2 Sample. Label: 1 name, 2 value. Sample: 1 value, a double,
    # 2 timestamp, a varint.
    series = b"".join(
        _field(1, _field(1, name.encode()) + _field(2, text.encode())) for name, text in sorted(labels.items())
    )
    sample = b"\x09" + struct.pack("<d", value) + b"\x10" + _varint(milliseconds)
    return _field(1, series + _field(2, sample))


def snappy(data):
    """A block of literals, the longest whose length fits into their tag."""
    pieces = [data[start : start + 60] for start in range(0, len(data), 60)]
    return _varint(len(data)) + b"".join(bytes([(len(piece) - 1) << 2]) + piece for piece in pieces)


def _field(number, content):
    return bytes([number << 3 | 2]) + _varint(len(content)) + content


def _varint(number):
    groups = []
    while number > 0x7F:
        groups.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*groups, number])
