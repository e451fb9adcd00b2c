"""Has nobody told of an alert for some hours: `make silence`.

Prometheus' Alertmanager is given a silence, and CloudWatch a mute rule. Both end by themselves, and neither keeps
anything from being watched.
"""

import datetime
import re

from botocore.exceptions import BotoCoreError, ClientError

from .alerts import Alerts
from .console import catch_signals, say
from .deployment import Aws, Deployment
from .outcome import Refused
from .prometheus import Workspace

# As long as a mute rule may last:
# https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_Schedule.html
LONGEST_HOURS = 15 * 24
MINUTE = datetime.timedelta(minutes=1)


def run(environment, terraform, alert, hours):
    duration = parse(hours)
    catch_signals()
    outputs = terraform.open()
    alerts, deployment = Alerts.of(environment, outputs), Deployment.of(outputs)
    kinds = alerts.kinds(alert)
    if not kinds & {"rule", "alarm"}:
        raise Refused(f"ALERT={alert} {refusal(alerts, kinds)}")
    aws = Aws(deployment)
    comment = f"make silence ENV={environment} ALERT={alert} HOURS={hours}"
    if "rule" in kinds:
        silence(Workspace(alerts.remote_write_url, deployment.region), aws, alert, duration, comment)
    if "alarm" in kinds:
        mute(aws.cloudwatch, alerts, alert, duration, comment)


def parse(hours):
    """How long; nothing ends it."""
    if not re.fullmatch(r"\d{1,4}(\.\d+)?", hours) or not (hours := float(hours)) <= LONGEST_HOURS:
        raise Refused(f"HOURS= is a number up to {LONGEST_HOURS}, such as 2 or 0.5; HOURS=0 ends a silence")
    duration = datetime.timedelta(minutes=round(hours * 60))
    if hours and not duration:
        raise Refused("HOURS= is less than a minute")
    return duration


def refusal(alerts, kinds):
    can = sorted(
        {name for side in alerts.watched.values() for name, kind in side.items() if kind in ("rule", "alarm")}
    )
    if "event" in kinds:
        why = "is told when it happens, once"
    elif kinds:
        why = f"is not watched here ({'; '.join(sorted(kinds))})"
    else:
        why = "is no alert of this environment"
    return f"{why}: choose {', '.join(can)}"


def silence(workspace, aws, alert, duration, comment):
    """In the Alertmanager. The new silence comes before the old one goes."""
    old = workspace.silences(alert)
    if duration:
        begin = datetime.datetime.now(datetime.UTC)
        workspace.silence(alert, begin, begin + duration, caller(aws), comment)
    for each in old:
        workspace.end_silence(each)
    if duration:
        say(f"the Alertmanager tells nobody of {alert} until {_shown(begin + duration)}")
    else:
        say(f"the Alertmanager tells of {alert} again" if old else f"the Alertmanager had no silence of {alert}")


def mute(cloudwatch, alerts, alert, duration, comment):
    """In CloudWatch, which has no room for who did it."""
    rule = f"{alerts.topic_name}-{alert}"
    if not duration:
        cloudwatch.delete_alarm_mute_rule(AlarmMuteRuleName=rule)
        say(f"CloudWatch tells of {alert} again")
        return
    names = [alarm["AlarmName"] for alarm in alerts.alarms(cloudwatch, alert)]
    if not names:
        raise Refused(f"CloudWatch has no alarm that tells of {alert}: make deploy brings it back")
    # A schedule has whole minutes, and this one has begun.
    begin = datetime.datetime.now(datetime.UTC).replace(second=0, microsecond=0) + MINUTE
    schedule = {
        "Expression": f"at({begin:%Y-%m-%dT%H:%M})",
        "Duration": f"PT{duration // MINUTE}M",
        "Timezone": "UTC",
    }
    cloudwatch.put_alarm_mute_rule(
        Name=rule, Description=comment, Rule={"Schedule": schedule}, MuteTargets={"AlarmNames": names}
    )
    say(f"CloudWatch tells nobody of {alert} from {begin:%H:%M} until {_shown(begin + duration)}: {', '.join(names)}")


def caller(aws):
    """Who did it, as far as AWS knows."""
    try:
        return re.split("[:/]", aws.client("sts").get_caller_identity()["Arn"])[-1]
    except (BotoCoreError, ClientError):
        return "make silence"


def _shown(moment):
    return f"{moment:%Y-%m-%d %H:%M} UTC"
