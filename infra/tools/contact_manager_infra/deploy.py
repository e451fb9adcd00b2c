"""Applies an environment and brings the release to its users: `make deploy`.

Containers are replaced by ECS, which goes back by itself when new tasks do not stay up. Of functions Terraform
publishes a version, and the alias that callers call is moved here. Whatever goes back, the output `release` goes back
with it: it names what runs, and the next plan, switch or drift begins there.
"""

import collections
import dataclasses

from botocore.exceptions import BotoCoreError, ClientError

from . import tasks, versions, zips
from .console import ask, catch_signals, say
from .deployment import CONTAINERS, Aws, Deployment, Side
from .lock import Lock
from .outcome import Failed, Refused, RolledBack
from .rollout import Rollout
from .terraform import TerraformFailed

# What is billed by the hour, used or not. `make cost` knows the prices.
BILLED = {
    "aws_autoscaling_group": "group of hosts",
    "aws_ecs_service": "service of tasks",
    "aws_eip": "public address",
    "aws_elasticache_replication_group": "cache",
    "aws_kms_key": "key",
    "aws_lb": "load balancer with its addresses",
    "aws_nat_gateway": "NAT gateway",
    "aws_secretsmanager_secret": "secret",
    "aws_vpc_endpoint": "VPC endpoint",
    "aws_wafv2_web_acl": "firewall",
}


def run(environment, terraform, yes, times):
    catch_signals()
    deployment = make_ready(environment, terraform)
    if deployment is None:
        # There is no traffic yet that two could move at once; Terraform's own lock is enough.
        apply(environment, terraform, yes)
        deployment = applied(environment, terraform)
        zips.keep(terraform.folder, terraform.zips, Aws(deployment), deployment.bucket)
        return finish(environment, deployment)

    aws = Aws(deployment)
    lock = Lock(aws.ssm, deployment.lock_name, "deploy", times.lease)
    lock.take()
    terraform.tick = lock.renew
    try:
        refuse_between_two_sides(environment, aws.parameter.read())
        before, ran = deployment, tasks.definitions(deployment, aws)
        try:
            deployment = bring(environment, terraform, yes, times, before, aws, lock, ran)
        except RolledBack as rolled_back:
            raise RolledBack(f"{rolled_back}{go_back(environment, terraform, before, aws, ran)}") from None
        traffic = aws.parameter.read()
        if traffic.switch and not traffic.standby:
            # All that was left of it was to take a side away, and that is done.
            lock.renew()
            aws.parameter.write(dataclasses.replace(traffic, switch=None))
            say(f"the switch {traffic.switch['from']} -> {traffic.switch['to']} is over: {traffic.live} is live")
        try:
            zips.prune(aws, deployment.bucket, before.release, deployment.release)
        except (BotoCoreError, ClientError) as error:
            # The next deploy tries again.
            say(f"old zips could not be deleted from {deployment.bucket}: {error}")
        finish(environment, deployment)
    finally:
        lock.release()


def bring(environment, terraform, yes, times, before, aws, lock, ran):
    """Applies the release, gives it to its callers, and returns what is deployed then."""
    rollouts = [Rollout(aws, Side(before, aws, target)) for target in CONTAINERS]
    begun = set().union(*(rollout.begun() for rollout in rollouts))
    try:
        apply(environment, terraform, yes, confirmed=lock.renew)
    except TerraformFailed:
        for rollout in rollouts:
            if reason := rollout.failure(begun):
                raise RolledBack(reason) from None
        raise
    deployment = applied(environment, terraform)
    zips.keep(terraform.folder, terraform.zips, aws, deployment.bucket)
    aws.follow(deployment)
    live = aws.parameter.read().live
    tasks.bring(deployment, aws, times, lock.pause, live, ran)
    versions.bring(deployment, aws, times, lock.pause, live=live == "lambda")
    return deployment


def go_back(environment, terraform, before, aws, ran):
    """One part of a release went back, and the others follow. Then the output `release` names what was deployed before,
    which is what runs. Returns what could not be done."""
    try:
        tasks.take_back(before, aws, ran)
        now = terraform.outputs().get("release") or {}
        if any(now.get(name) != before.release.get(name) for name in ("image", "zips")):
            if before.release.get("zips"):
                zips.fetch(environment, terraform.folder, before.release["zips"], aws, before.bucket)
            terraform.record(before.release)
            say(f"on record is what was deployed before; make deploy ENV={environment} applies it")
    except (BotoCoreError, ClientError, TerraformFailed, zips.Missing) as error:
        return f"; but the release stays on record as what was deployed: name another by IMAGE= and ZIP= ({error})"
    return ""


def make_ready(environment, terraform):
    """What is deployed, or None; with the zips that Terraform needs in their place."""
    deployment = Deployment.of(terraform.open())
    if deployment and deployment.functions and not terraform.files:
        zips.fetch(environment, terraform.folder, terraform.zips, Aws(deployment), deployment.bucket)
    return deployment


def refuse_between_two_sides(environment, traffic):
    """While a switch moves the traffic, a new version would come to two sides, and nobody looks at either."""
    begun = traffic.switch
    if begun and begun["step"] == "weights":
        weights = ", ".join(f"{target} {weight} %" for target, weight in traffic.weights.items() if weight)
        raise Refused(
            f"the switch {begun['from']} -> {begun['to']} was interrupted and the traffic is under way ({weights}): "
            f"finish it with make switch ENV={environment} TO={begun['to']}, or take it back with TO={begun['from']}"
        )


def apply(environment, terraform, yes, confirmed=lambda: None):
    """Shows a plan, and applies that one."""
    with terraform.plan() as plan:
        zips.check(terraform.folder, terraform.zips, plan.variable("architecture"))
        changes = plan.changes()
        if changes:
            ask(f"{announce(environment, changes)} Go on? [y/N]", "y", yes)
            confirmed()
        else:
            say("Terraform has no resource to change")
        if changes or plan.outputs_change():
            plan.apply()


def applied(environment, terraform):
    deployment = Deployment.of(terraform.outputs())
    if deployment is None:
        raise Failed(f"{environment} was applied, but has no output `traffic`: its outputs.tf must have one")
    return deployment


def announce(environment, changes):
    """What a plan does, and what it costs or deletes."""
    actions = collections.Counter(action for _change, action in changes)
    verbs = {"create": "creates", "update": "changes", "replace": "replaces", "delete": "deletes"}
    does = ", ".join(f"{verb} {actions[action]}" for action, verb in verbs.items() if actions[action])
    billed = collections.Counter(
        BILLED[change["type"]] for change, action in changes if action == "create" and change["type"] in BILLED
    )
    gone = [change["address"] for change, action in changes if action in ("delete", "replace")]
    costs = "adds nothing that is billed by the hour"
    if billed:
        costs = "is billed from now on for " + ", ".join(f"{count} {what}" for what, count in billed.items())
    deletes = "deletes nothing"
    if gone:
        deletes = f"deletes {', '.join(gone[:10])}" + (f" and {len(gone) - 10} more" if len(gone) > 10 else "")
    return f"{environment}: this {does} of its resources. It {costs}, and {deletes}."


def finish(environment, deployment):
    say(f"done: {environment} answers at {deployment.base_url}")
