"""moto on a loopback port of its own, until standard input ends.

Its queues are not safe between threads: a message that is sent while another one is deleted can be
lost. Here whatever changes a queue holds the queue's own lock. Its long polling also notices only
once a second that a message has become visible again; here it does so at once.

It confirms every subscription at once, sends no email and calls a URL while its caller waits. Here an
email address and a URL stay pending until a line on standard input confirms them, and what they are
sent is kept for another line to ask for. Further lines make a topic full or fail entries of a batch,
read back what was applied to the account (applied.py), say where its load balancer is and which
targets are healthy (shim.py), what became of its services (ecs.py), and where its Prometheus listens
(watched.py). So that a plan right after an
apply is empty, as on AWS, settled.py shows what was told.
"""

import functools
import json
import os
import sys
import threading
import time

# AWS's own policies, which roles refer to, are there only if asked for.
os.environ["MOTO_IAM_LOAD_MANAGED_POLICIES"] = "true"

from moto.core.exceptions import ServiceException
from moto.server import ThreadedMotoServer
from moto.sns.models import SNSBackend, Subscription, sns_backends
from moto.sqs.models import Queue, SQSBackend

import applied
import ecs
import shim
import settled
import watched


def locked(method):
    @functools.wraps(method)
    def call(queue, *arguments, **named):
        with queue._messages_lock:
            return method(queue, *arguments, **named)

    return call


Queue.add_message = locked(Queue.add_message)
Queue.delete_message = locked(Queue.delete_message)

receive_now = SQSBackend.receive_message


def receive_message(backend, name, count, wait, *rest):
    end = time.monotonic() + wait
    queue = backend.get_queue(name)
    with queue._messages_lock:
        while True:
            messages = receive_now(backend, name, count, 0, *rest)
            left = end - time.monotonic()
            if messages or left <= 0:
                return messages
            # A new message notifies; one that becomes visible by the clock does not.
            queue._messages_lock.wait(min(left, 0.02))


SQSBackend.receive_message = receive_message

topics_lock = threading.RLock()
# What was sent to each address, in order.
mailboxes = {}
# How many filter policies a topic takes, and how many entries of batches fail next.
limits = {"policies": 200, "failing": 0}


class FilterPolicyLimitExceeded(ServiceException):
    code = "FilterPolicyLimitExceeded"
    message = "Filter policy limit exceeded"


def subscriptions():
    return [
        subscription
        for account in sns_backends.values()
        for region in account.values()
        for subscription in region.subscriptions.values()
    ]


subscribe_now = SNSBackend.subscribe


def subscribe(backend, topic_arn, endpoint, protocol):
    with topics_lock:
        known = backend._find_subscription(topic_arn, endpoint, protocol)
        of_topic = [one for one in subscriptions() if one.topic.arn == topic_arn]
        if known is None and len(of_topic) >= limits["policies"]:
            raise FilterPolicyLimitExceeded()
        subscription = subscribe_now(backend, topic_arn, endpoint, protocol)
        if known is None and protocol in ("email", "http", "https"):
            subscription.attributes["PendingConfirmation"] = True
        return subscription


SNSBackend.subscribe = subscribe

unsubscribe_now = SNSBackend.unsubscribe


def unsubscribe(backend, arn):
    with topics_lock:
        known = backend.subscriptions.get(arn)
        # What is pending goes by itself, after two days.
        if known is None or not known.attributes["PendingConfirmation"]:
            unsubscribe_now(backend, arn)


SNSBackend.unsubscribe = unsubscribe

publish_now = Subscription.publish


def publish(subscription, message, message_id, **rest):
    if subscription.attributes["PendingConfirmation"]:
        return
    if subscription.protocol not in ("email", "http", "https"):
        publish_now(subscription, message, message_id, **rest)
        return
    matcher = subscription._filter_policy_matcher
    if matcher is not None and not matcher.matches(rest.get("message_attributes"), message):
        return
    if rest.get("message_structure") == "json":
        message = subscription._parse_message_structure(message, subscription.protocol)
    mail = {"subject": rest.get("subject"), "body": message}
    mailboxes.setdefault(subscription.endpoint, []).append(mail)


Subscription.publish = publish

publish_batch_now = SNSBackend.publish_batch


def publish_batch(backend, topic_arn, publish_batch_request_entries):
    entries = publish_batch_request_entries
    with topics_lock:
        count = min(limits["failing"], len(entries))
        limits["failing"] -= count
        failed = [
            {"Id": entry["Id"], "Code": "InternalError", "Message": "", "SenderFault": False}
            for entry in entries[:count]
        ]
        sent, others = publish_batch_now(backend, topic_arn, entries[count:])
        return sent, failed + others


SNSBackend.publish_batch = publish_batch


def told(line):
    if "applied" in line:
        return applied.account.read(url)
    if "watched" in line:
        return watched.read(url)
    if "workspaces" in line:
        watched.front["address"] = line["workspaces"]
        return None
    if "front" in line:
        shim.front["address"] = line["front"]
        return None
    if "health" in line:
        shim.health.clear()
        shim.health.update(line["health"])
        return None
    if "scheduled" in line:
        if ecs.scheduled(line["scheduled"]):
            applied.account.changed()
        return None
    if "sdk" in line:
        return applied.call(url, **line["sdk"])
    with topics_lock:
        if "mailbox" in line:
            return mailboxes.get(line["mailbox"], [])
        if "confirm" in line or "forget" in line:
            address = line.get("confirm") or line["forget"]
            found = [one for one in subscriptions() if one.endpoint == address]
            for one in found:
                if "confirm" in line:
                    one.attributes["PendingConfirmation"] = False
                else:
                    one.topic.sns_backend.subscriptions.pop(one.arn)
            return len(found)
        if "endpoints" in line:
            return [one.endpoint for one in subscriptions() if one.topic.arn == line["endpoints"]]
        limits.update(line)
        return None


server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
host, port = server.get_host_and_port()
url = f"http://{host}:{port}"
print(json.dumps({"ok": url}), flush=True)
for line in sys.stdin:
    try:
        answer = {"ok": told(json.loads(line))}
    except Exception as error:
        # In the middle of an apply something can be gone between two questions.
        answer = {"error": repr(error)}
    print(json.dumps(answer), flush=True)
