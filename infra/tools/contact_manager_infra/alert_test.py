"""Walks the way of the standing alert AlertTest, and says at each hop whether it came by: `make alert-test`.

A rule of Prometheus and an alarm of CloudWatch watch a metric that nobody else sends. It goes the way that alerts of
the live side go, and everybody who is told of those gets an email of it, and another one when it is over.
"""

import contextlib
import dataclasses
import datetime
import math
import time

from botocore.exceptions import BotoCoreError, ClientError

from .alerts import Alerts
from .console import catch_signals, say, wait
from .deployment import Aws, Deployment
from .looks import MINUTE, Metric
from .outcome import Failed, Interrupted, Refused
from .prometheus import Unavailable, Workspace

ALERT = "AlertTest"
METRIC = "contacts_alert_test"

ERRORS = (Failed, BotoCoreError, ClientError)


@dataclasses.dataclass(frozen=True)
class Times:
    """All in seconds."""

    hop: float = 300
    # CloudWatch hears of SNS every five minutes, and tells of it some minutes later.
    sns: float = 600
    look: float = 5
    every: float = 15


def run(environment, terraform, times=Times()):
    catch_signals()
    outputs = terraform.open()
    alerts, deployment = Alerts.of(environment, outputs), Deployment.of(outputs)
    aws = Aws(deployment)
    live = aws.parameter.read().live
    kind = alerts.watched.get(live, {}).get(ALERT)
    if kind == "rule":
        way = ByRule(Workspace(alerts.remote_write_url, deployment.region), environment, times.every)
    elif kind == "alarm":
        way = ByAlarm(aws.cloudwatch, alerts, environment, times.every)
    else:
        raise Refused(f"nothing on {live} watches {METRIC}: run make deploy ENV={environment}")
    # Whoever cannot even be asked is told of at its hop.
    with contextlib.suppress(*ERRORS):
        if way.fires():
            raise Refused(f"{ALERT} is still there from a test before: run this again in a few minutes")

    walk = Walk(times.look)
    published = Published(aws.cloudwatch, alerts.topic_name)
    say(f"{environment}: testing the way of an alert on {live}")
    try:
        try:
            for name, look, why in way.hops():
                walk.hop(name, look, times.hop, "missing", why)
        finally:
            way.end()
        why = f"CloudWatch shows no message of the topic so far; it is late, or {ALERT} is silenced"
        walk.hop("sns", published.more, times.sns, "unknown", why)
    except Interrupted as interrupted:
        raise interrupted.saying("the test alert ends by itself; run this again in a few minutes") from None
    walk.tell("email", *emails(aws.client("sns"), alerts.topic_arn))
    if walk.lost:
        raise Failed(f"an alert does not get past {walk.lost}: docs/RUNBOOKS/alert-test.md says what to do")
    say("nothing is missing; another email says within minutes that it is over")


class Walk:
    """Hop by hop; what was lost at one is not looked for at the next."""

    def __init__(self, look):
        self.look, self.began, self.lost = look, time.monotonic(), None

    def hop(self, name, look, patience, otherwise, why):
        """Looks until `look` has something, or it takes too long: what it is `otherwise`, and `why`."""
        if self.lost:
            self.tell(name, "unknown", f"nothing came past {self.lost}")
            return
        until = time.monotonic() + patience
        while True:
            reason = why
            try:
                if look():
                    self.tell(name, "ok", f"after {time.monotonic() - self.began:.0f} s")
                    return
            except Unavailable as error:
                reason = error
            except ERRORS as error:
                self.tell(name, "missing", error)
                return
            left = until - time.monotonic()
            if left <= 0:
                self.tell(name, otherwise, reason)
                return
            wait(min(self.look, left))

    def tell(self, name, state, text):
        print(f"hop={name} {state} {' '.join(str(text).split())}", flush=True)
        if state == "missing":
            self.lost = self.lost or name


class Way:
    """How an alert goes; it begins with samples that say it is there, from time to time."""

    def __init__(self, environment, every):
        self.environment, self.every = environment, every
        self.sent = -math.inf

    def send(self):
        if time.monotonic() - self.sent >= self.every:
            self.put(1)
            self.sent = time.monotonic()
        return True


class ByRule(Way):
    """By Prometheus and its Alertmanager."""

    def __init__(self, workspace, environment, every):
        super().__init__(environment, every)
        self.workspace = workspace

    def hops(self):
        yield "remote_write", self.send, ""
        yield (
            "rule",
            lambda: self.send() and self.fires(),
            "samples are taken, and the rule does not fire: see RuleEvaluationFailures in CloudWatch, and whether the "
            f"workspace has the rule; make deploy ENV={self.environment} brings it back",
        )
        yield (
            "alertmanager",
            lambda: self.send() and self.reported(),
            "the rule fires, and the Alertmanager does not hear of it: see whether the workspace has its definition",
        )

    def fires(self):
        return self.workspace.query(f'ALERTS{{alertname="{ALERT}",alertstate="firing"}}')

    def reported(self):
        found = self.workspace.alerts(ALERT)
        if any(alert["status"]["silencedBy"] for alert in found):
            raise Failed(f"it is silenced: make silence ENV={self.environment} ALERT={ALERT} HOURS=0 ends that")
        return any(alert["status"]["state"] == "active" for alert in found)

    def put(self, value):
        self.workspace.write(METRIC, value)

    def end(self):
        """The rule looks back over a minute or two: without samples it ends."""


class ByAlarm(Way):
    """By an alarm of CloudWatch."""

    def __init__(self, cloudwatch, alerts, environment, every):
        super().__init__(environment, every)
        self.cloudwatch, self.alerts = cloudwatch, alerts

    def hops(self):
        yield "metric", self.send, ""
        yield (
            "alarm",
            lambda: self.send() and self.fires(),
            "the metric is taken, and the alarm does not see it: compare its dimensions; "
            f"make deploy ENV={self.environment} puts them right",
        )

    def fires(self):
        found = self.alerts.alarms(self.cloudwatch, ALERT)
        if not found:
            raise Failed(f"no alarm tells the topic of it: make deploy ENV={self.environment} brings it back")
        for alarm in found:
            if not alarm["ActionsEnabled"]:
                raise Failed(f"the actions of {alarm['AlarmName']} are disabled: enable them in CloudWatch")
        return any(alarm["StateValue"] == "ALARM" for alarm in found)

    def end(self):
        """What is missing ends it as well, but not as soon."""
        if self.sent > -math.inf:
            self.put(0)

    def put(self, value):
        dimensions = [{"Name": "environment", "Value": self.environment}]
        self.cloudwatch.put_metric_data(
            Namespace="ContactManager", MetricData=[{"MetricName": METRIC, "Dimensions": dimensions, "Value": value}]
        )


class Published:
    """Messages to a topic since this was made."""

    def __init__(self, cloudwatch, topic):
        self.cloudwatch = cloudwatch
        self.metric = Metric("messages", "AWS/SNS", "NumberOfMessagesPublished", TopicName=topic)
        now = _now()
        # What SNS reports at once carries the time at which its five minutes began.
        self.since = now.replace(minute=now.minute - now.minute % 5, second=0, microsecond=0)
        self.before = self._count()

    def more(self):
        return self._count() > self.before

    def _count(self):
        answer = self.cloudwatch.get_metric_data(
            MetricDataQueries=[self.metric.query(0)], StartTime=self.since, EndTime=_now() + 2 * MINUTE
        )
        return sum(sum(result["Values"]) for result in answer["MetricDataResults"])


def emails(sns, topic_arn):
    """Whether the topic can tell anybody. Whether an email arrived its reader alone knows."""
    pages = sns.get_paginator("list_subscriptions_by_topic").paginate(TopicArn=topic_arn)
    found = [each for page in pages for each in page["Subscriptions"] if each["Protocol"] in ("email", "email-json")]
    # Until then it says PendingConfirmation.
    confirmed = sum(each["SubscriptionArn"].startswith("arn:") for each in found)
    waiting = f"; {len(found) - confirmed} did not confirm yet" * (len(found) > confirmed)
    if confirmed:
        return "unknown", f"confirmed addresses: {confirmed}{waiting}; look for {ALERT} in their mailboxes"
    if found:
        return "missing", f"nobody has confirmed{waiting}: open the link in AWS's message"
    return "missing", "nobody is subscribed: name addresses in alerts.emails, and run make deploy"


def _now():
    return datetime.datetime.now(datetime.UTC)
