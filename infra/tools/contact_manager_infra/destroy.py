"""Takes an environment away: `make destroy`."""

import json
import re
import tempfile

from .console import ask, catch_signals, say
from .deployment import Aws, Deployment
from .lock import Lock
from .outcome import Failed, Refused
from .terraform import TerraformFailed


def run(environment, terraform, yes, times):
    catch_signals()
    deployment = Deployment.of(terraform.open(release=False))
    state = terraform.state()
    if not state:
        raise Refused(f"{environment} is not deployed: there is nothing to destroy")
    lock, kept = None, []
    if deployment:
        lock = Lock(Aws(deployment).ssm, deployment.lock_name, "destroy", times.lease)
        lock.take()
        terraform.tick = lock.renew
    try:
        # What is deleted need not have been built here: any file does.
        with tempfile.NamedTemporaryFile() as zip:
            terraform.defaults.setdefault("zips", json.dumps({"api": zip.name, "worker": zip.name}))
            with terraform.plan(destroy=True, quiet=True) as plan:
                # In production a general yes is not enough.
                confirmed = yes == environment or (yes and environment != "prod")
                place = f" in account {deployment.account}, {deployment.region}" if deployment else ""
                ask(f"{announce(environment + place, state)} To go on, type {environment}:", environment, confirmed)
                if lock:
                    lock.renew()
                try:
                    plan.apply()
                except TerraformFailed as error:
                    kept = left_on_purpose(environment, terraform.state(), error)
    finally:
        if lock:
            lock.release()
    say(f"done: {environment} is gone" + (f", all but {', '.join(kept)} and what that needs" if kept else ""))


def announce(environment, state):
    tables = [each["values"]["name"] for each in state if each["type"] == "aws_dynamodb_table"]
    text = f"{environment}: this deletes {len(state)} resources"
    if tables:
        text += f", and with table {', '.join(tables)} every contact in it"
    kept = [f"{name} ({why})" for name, why in kept_by_name(state).values()]
    return f"{text}. " + (f"These stay: {'; '.join(kept)}." if kept else "Nothing stays.")


def kept_by_name(state):
    """What AWS keeps, by address: its name, and why."""
    kept = {}
    for resource in state:
        values = resource["values"]
        why = {
            "aws_dynamodb_table": values.get("deletion_protection_enabled") and "deletion protection",
            "aws_lb": values.get("enable_deletion_protection") and "deletion protection",
            "aws_s3_bucket": values.get("force_destroy") is False and "unless it is empty",
            "aws_ecr_repository": values.get("force_delete") is False and "unless it is empty",
            "aws_backup_vault": values.get("force_destroy") is False and "while it holds recovery points",
            "aws_kms_key": _days(values.get("deletion_window_in_days")),
            "aws_secretsmanager_secret": _days(values.get("recovery_window_in_days")),
        }.get(resource["type"])
        if why:
            name = values.get("name") or values.get("bucket") or values.get("description") or values.get("id")
            kept[resource["address"]] = (f"{resource['type'].removeprefix('aws_').replace('_', ' ')} {name}", why)
    return kept


def _days(days):
    return f"for {days} days" if days else None


def left_on_purpose(environment, left, error):
    """The names of what is protected, if nothing but that and what it depends on is left; else it is an error."""
    kept = kept_by_name(left)
    # Dependencies are named without the instance.
    bare = {address: re.sub(r"\[[^\]]*\]", "", address) for address in (each["address"] for each in left)}
    reached, todo = set(), [bare[address] for address in kept]
    depends = {bare[each["address"]]: each.get("depends_on", []) for each in left}
    while todo:
        address = todo.pop()
        if address not in reached:
            reached.add(address)
            todo += [re.sub(r"\[[^\]]*\]", "", other) for other in depends.get(address, [])]
    others = [address for address in bare if bare[address] not in reached]
    if others or not kept:
        raise Failed(f"{error}; left of {environment}: {', '.join(others)}")
    return [name for name, _why in kept.values()]
