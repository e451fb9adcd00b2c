"""Looks at CloudWatch while traffic moves to something new."""

import dataclasses
import datetime
import time

from .outcome import Trouble

MINUTE = datetime.timedelta(minutes=1)
LONG_AGO = datetime.datetime.min.replace(tzinfo=datetime.UTC)

# The answers of its own by which a load balancer says that something is wrong behind it. Of the others a client
# causes 501 and 505, which HTTPCode_ELB_5XX_Count counts too:
# https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-troubleshooting.html
LOAD_BALANCER_ERRORS = (500, 502, 503, 504)


class Metric:
    def __init__(self, meaning, namespace, name, **dimensions):
        self.meaning, self.namespace, self.name, self.dimensions = meaning, namespace, name, dimensions

    def query(self, number):
        return {
            "Id": f"m{number}",
            "MetricStat": {
                "Metric": {
                    "Namespace": self.namespace,
                    "MetricName": self.name,
                    "Dimensions": [{"Name": name, "Value": value} for name, value in self.dimensions.items()],
                },
                "Period": 60,
                "Stat": "Sum",
            },
        }


def of_target(deployment, target, meaning):
    """What callers of one target see: errors, the load balancer's own among them, and requests."""
    alb, groups = deployment.alb_arn, deployment.groups_of(target).values()
    errors = [*(target_errors(alb, group, meaning) for group in groups), *load_balancer_errors(alb)]
    return errors, [target_requests(alb, group) for group in groups]


def load_balancer_errors(alb_arn):
    return [
        Metric(
            "5xx answers of the load balancer",
            "AWS/ApplicationELB",
            f"HTTPCode_ELB_{code}_Count",
            LoadBalancer=_short(alb_arn),
        )
        for code in LOAD_BALANCER_ERRORS
    ]


def target_errors(alb_arn, group_arn, of):
    return _target_metric(f"5xx answers of {of}", "HTTPCode_Target_5XX_Count", alb_arn, group_arn)


def target_requests(alb_arn, group_arn):
    return _target_metric("requests", "RequestCount", alb_arn, group_arn)


def version_errors(function, alias, version):
    """Of one of the two versions that an alias names. While it names one, Lambda does not tell versions apart."""
    return _alias_metric(f"errors of {function} version {version}", "Errors", function, alias, ExecutedVersion=version)


def version_requests(function, alias, version):
    return _alias_metric("requests", "Invocations", function, alias, ExecutedVersion=version)


def alias_errors(function, alias, version):
    """Of whatever an alias names, which shall be this version alone."""
    return _alias_metric(f"errors of {function} version {version}", "Errors", function, alias)


def alias_requests(function, alias):
    return _alias_metric("requests", "Invocations", function, alias)


def _target_metric(meaning, name, alb_arn, group_arn):
    group = group_arn.rpartition(":")[2]
    return Metric(meaning, "AWS/ApplicationELB", name, TargetGroup=group, LoadBalancer=_short(alb_arn))


def _alias_metric(meaning, name, function, alias, **version):
    return Metric(meaning, "AWS/Lambda", name, FunctionName=function, Resource=f"{function}:{alias}", **version)


def _short(alb_arn):
    return alb_arn.partition(":loadbalancer/")[2]


@dataclasses.dataclass
class Watched:
    """A metric, from which minute on it counts, and what that minute had before."""

    metric: Metric
    since: datetime.datetime
    before: float = 0


class Looks:
    """Errors and requests since the traffic began to move.

    CloudWatch has whole minutes, and tells of them up to three minutes later. So errors are counted over the
    whole move, less what the first minute already had when it began: one that becomes known late ends a later
    step. `forgiven` are errors that we caused ourselves, at the latest in the minute of `until`. Requests decide
    whether a step may end early, and count only in minutes that began after it.
    """

    def __init__(self, cloudwatch, forgiven=0, until=None):
        self.cloudwatch, self.forgiven = cloudwatch, forgiven
        self.until = _minute(until) if until else LONG_AGO
        self.errors, self.requests = [], []

    def add(self, errors, requests):
        """Looks at these too, from now on."""
        since = _minute(_now())
        new = [Watched(metric, since) for metric in errors]
        for watched, minutes in zip(new, self._read(new), strict=True):
            watched.before = sum(minutes.values())
        self.errors += new
        self.requests += [Watched(metric, since) for metric in requests]

    def trouble(self):
        found, ours, others = {}, 0, 0
        for watched, minutes in zip(self.errors, self._read(self.errors), strict=True):
            minutes[watched.since] = minutes.get(watched.since, 0) - watched.before
            early = sum(count for minute, count in minutes.items() if minute <= self.until)
            late = sum(minutes.values()) - early
            ours, others = ours + early, others + late
            if early + late > 0:
                found[watched.metric.meaning] = found.get(watched.metric.meaning, 0) + early + late
        if others + max(ours - self.forgiven, 0) <= 0:
            return None
        return ", ".join(f"{count:.0f} {meaning}" for meaning, count in found.items())

    def requests_since(self, moment):
        begin = _minute(moment) + MINUTE
        return sum(
            count for minutes in self._read(self.requests) for minute, count in minutes.items() if minute >= begin
        )

    def watch(self, seconds, every, enough, pause, also=lambda: None):
        """Looks until the time is over or there were enough requests; raises at the first sign of trouble."""
        began, deadline = _now(), time.monotonic() + seconds
        while True:
            if reason := self.trouble() or also():
                raise Trouble(reason)
            left = deadline - time.monotonic()
            if left <= 0 or (enough and self.requests_since(began) >= enough):
                return
            pause(min(every, left))

    def _read(self, watched):
        """What each of them counted, by minute."""
        if not watched:
            return []
        begin = min(each.since for each in watched)
        answer = self.cloudwatch.get_metric_data(
            MetricDataQueries=[each.metric.query(number) for number, each in enumerate(watched)],
            StartTime=begin,
            EndTime=max(_now(), begin) + 2 * MINUTE,
        )
        counts = {
            result["Id"]: zip(result["Timestamps"], result["Values"], strict=True)
            for result in answer["MetricDataResults"]
        }
        return [
            {minute: count for minute, count in counts.get(f"m{number}", ()) if minute >= each.since}
            for number, each in enumerate(watched)
        ]


def _minute(moment):
    return moment.replace(second=0, microsecond=0)


def _now():
    return datetime.datetime.now(datetime.UTC)
