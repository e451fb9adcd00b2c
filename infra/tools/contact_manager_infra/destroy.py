"""Takes an environment away: `make destroy`."""

import json
import tempfile

from .console import ask, catch_signals, say
from .deployment import Aws, Deployment
from .lock import Lock
from .outcome import Failed, Refused
from .terraform import TerraformFailed


def run(environment, terraform, yes, times):
    catch_signals()
    deployment = Deployment.of(terraform.open())
    if not terraform.state():
        raise Refused(f"{environment} is not deployed: there is nothing to destroy")
    aws = deployment and Aws(deployment)
    lock = aws and Lock(aws.ssm, deployment.lock_name, "destroy", times.lease)
    if lock:
        lock.take()
        terraform.tick = lock.renew
    try:
        # What is deleted need not have been built here: any file does.
        with tempfile.NamedTemporaryFile() as zip:
            terraform.defaults["zips"] = json.dumps({"api": zip.name, "worker": zip.name})
            with terraform.plan(destroy=True, quiet=True) as plan:
                # As they are now, and not as they were applied.
                resources = [{**change, "values": change["change"]["before"]} for change, _action in plan.changes()]
                # Terraform would find out when everything else is gone.
                if guarded := [what for each in resources if (what := protected(each, aws))]:
                    raise Refused(
                        f"{environment} is protected, and nothing was touched: {'; '.join(guarded)}. To lift that, set "
                        f"deletion_protection = false in infra/environments/{environment}/main.tf and run "
                        f"make deploy ENV={environment}; then run this again"
                    )
                # In production a general yes is not enough.
                confirmed = yes == environment or (yes and environment != "prod")
                place = f" in account {deployment.account}, {deployment.region}" if deployment else ""
                ask(f"{announce(environment + place, resources)} To go on, type {environment}:", environment, confirmed)
                if lock:
                    lock.renew()
                try:
                    plan.apply()
                except TerraformFailed as error:
                    left = ", ".join(each["address"] for each in terraform.state())
                    raise Failed(f"{error}; left of {environment}: {left}") from None
    finally:
        if lock:
            lock.release()
    say(f"done: {environment} is gone")


def announce(environment, resources):
    tables = [each["values"]["name"] for each in resources if each["type"] == "aws_dynamodb_table"]
    text = f"{environment}: this deletes {len(resources)} resources"
    if tables:
        text += f", and with table {', '.join(tables)} every contact in it"
    keys = {each["values"].get("arn"): lingers(each) for each in resources if each["type"] == "aws_kms_key"}
    kept = [_kept(each, days, keys) for each in resources if (days := lingers(each))]
    return f"{text}. " + (f"These stay: {'; '.join(kept)}." if kept else "Nothing stays.")


def _kept(resource, days, keys):
    if resource["type"] != "aws_dynamodb_table":
        return f"{_name(resource)} (for {days} days)"
    encryption = resource["values"].get("server_side_encryption") or [{}]
    key = encryption[0].get("kms_key_arn")
    if key and (until := keys.get(key)):
        # Without its key, which goes as well, nobody can read it.
        return f"a backup of {_name(resource)} (for {min(days, until)} days, if you cancel the deletion of its key before)"
    return f"a backup of {_name(resource)} (for {days} days)"


def protected(resource, aws):
    """What keeps AWS from deleting a resource, or None."""
    values = resource["values"]
    if values.get("deletion_protection_enabled") or values.get("enable_deletion_protection"):
        return f"{_name(resource)} has deletion protection"
    if aws and values.get("force_destroy") is False and _holds_something(resource, aws):
        return f"{_name(resource)} is not empty"
    return None


def _holds_something(resource, aws):
    if resource["type"] == "aws_s3_bucket":
        found = aws.s3.list_object_versions(Bucket=resource["values"]["bucket"], MaxKeys=1)
        return found.get("Versions") or found.get("DeleteMarkers")
    if resource["type"] == "aws_backup_vault":
        vault = resource["values"]["name"]
        found = aws.client("backup").list_recovery_points_by_backup_vault(BackupVaultName=vault, MaxResults=1)
        return found["RecoveryPoints"]
    return None


def lingers(resource):
    """For how many days AWS keeps a resource that was deleted."""
    values = resource["values"]
    recovery = any(each.get("enabled") for each in values.get("point_in_time_recovery") or [])
    return {
        # As a backup, which AWS makes of what could be brought back to any point in time.
        "aws_dynamodb_table": 35 if recovery else None,
        "aws_kms_key": values.get("deletion_window_in_days"),
        "aws_secretsmanager_secret": values.get("recovery_window_in_days"),
    }.get(resource["type"])


def _name(resource):
    values = resource["values"]
    name = values.get("name") or values.get("bucket") or values.get("description") or values.get("id")
    return f"{resource['type'].removeprefix('aws_').replace('_', ' ')} {name}"
