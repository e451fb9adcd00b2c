"""Looks at CloudWatch while traffic moves to something new."""

import datetime
import time

from .outcome import Trouble

MINUTE = datetime.timedelta(minutes=1)


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


def load_balancer_errors(alb_arn):
    return Metric(
        "5xx answers of the load balancer", "AWS/ApplicationELB", "HTTPCode_ELB_5XX_Count", LoadBalancer=_short(alb_arn)
    )


def target_errors(alb_arn, group_arn, of):
    return _target_metric(f"5xx answers of {of}", "HTTPCode_Target_5XX_Count", alb_arn, group_arn)


def target_requests(alb_arn, group_arn):
    return _target_metric("requests", "RequestCount", alb_arn, group_arn)


def version_errors(function, alias, version):
    return _version_metric(f"errors of {function} version {version}", "Errors", function, alias, version)


def version_requests(function, alias, version):
    return _version_metric("requests", "Invocations", function, alias, version)


def _target_metric(meaning, name, alb_arn, group_arn):
    group = group_arn.rpartition(":")[2]
    return Metric(meaning, "AWS/ApplicationELB", name, TargetGroup=group, LoadBalancer=_short(alb_arn))


def _version_metric(meaning, name, function, alias, version):
    return Metric(
        meaning, "AWS/Lambda", name, FunctionName=function, Resource=f"{function}:{alias}", ExecutedVersion=version
    )


def _short(alb_arn):
    return alb_arn.partition(":loadbalancer/")[2]


class Looks:
    """Errors and requests since the traffic began to move.

    CloudWatch has whole minutes, and tells of them up to three minutes later. So errors are counted over the
    whole move, less what the first minute already had when it began: one that becomes known late ends a later
    step. `forgiven` are errors that we caused ourselves shortly before. Requests decide whether a step may end
    early, and count only in minutes that began after it.
    """

    def __init__(self, cloudwatch, errors, requests, forgiven=0):
        self.cloudwatch, self.errors, self.requests, self.forgiven = cloudwatch, errors, requests, forgiven
        self.since = _now().replace(second=0, microsecond=0)
        self.before = self._sums(errors, self.since)

    def trouble(self):
        sums = zip(self.errors, self.before, self._sums(self.errors, self.since), strict=True)
        found = [(now - before, metric.meaning) for metric, before, now in sums if now > before]
        if sum(count for count, _meaning in found) <= self.forgiven:
            return None
        return ", ".join(f"{count:.0f} {meaning}" for count, meaning in found)

    def requests_since(self, moment):
        return sum(self._sums(self.requests, moment.replace(second=0, microsecond=0) + MINUTE))

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

    def _sums(self, metrics, since):
        if not metrics:
            return []
        answer = self.cloudwatch.get_metric_data(
            MetricDataQueries=[metric.query(number) for number, metric in enumerate(metrics)],
            StartTime=since,
            EndTime=max(_now(), since) + 2 * MINUTE,
        )
        values = {result["Id"]: sum(result["Values"]) for result in answer["MetricDataResults"]}
        return [values.get(f"m{number}", 0) for number in range(len(metrics))]


def _now():
    return datetime.datetime.now(datetime.UTC)
