"""What watches an environment, as Terraform's outputs `alerts` and `metrics` and CloudWatch tell it."""

import dataclasses

from .outcome import Refused


@dataclasses.dataclass(frozen=True)
class Alerts:
    topic_arn: str
    # By side and alert: "rule", "alarm", "event", or why it is not there.
    watched: dict
    remote_write_url: str

    @classmethod
    def of(cls, environment, outputs):
        if not all(outputs.get(name) for name in ("traffic", "metrics", "alerts")):
            raise Refused(f"nothing that was deployed watches {environment}: run make deploy ENV={environment} first")
        alerts = outputs["alerts"]
        return cls(alerts["topic_arn"], alerts["watched"], outputs["metrics"]["remote_write_url"])

    @property
    def topic_name(self):
        return self.topic_arn.rpartition(":")[2]

    def kinds(self, alert):
        """By what an alert is told, on whichever side."""
        return {alerts[alert] for alerts in self.watched.values() if alert in alerts}

    def alarms(self, cloudwatch, alert):
        """CloudWatch's alarms that tell of an alert. Of alarms that make up another one, that alone tells."""
        pages = cloudwatch.get_paginator("describe_alarms").paginate(
            ActionPrefix=self.topic_arn, AlarmTypes=["MetricAlarm", "CompositeAlarm"]
        )
        return [
            alarm
            for page in pages
            for alarm in [*page.get("MetricAlarms", []), *page.get("CompositeAlarms", [])]
            if self.topic_arn in alarm["AlarmActions"] and alert in alarm["AlarmName"].split()
        ]
