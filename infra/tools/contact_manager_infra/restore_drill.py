"""Tries whether the contacts come back from a backup: `make restore-drill`.

A backup of the table is restored under another name, readers are told of it as after a real loss
(docs/RUNBOOKS/restore.md), the items are counted, and the store's own checker reads every one. The table itself is
read and nothing else. On a simulator of this machine it can be lost for good first, and comes back by its own name.
"""

import ipaddress
import os
import shutil
import subprocess
import time
import urllib.parse

from .console import ask, catch_signals, interrupted, say
from .deployment import Aws, Deployment
from .lock import Lock
from .outcome import Failed, Refused

BACKUP = "restore-drill"


def run(environment, terraform, checker, yes, lose, times):
    catch_signals()
    deployment = Deployment.of(terraform.open())
    if deployment is None:
        raise Refused(f"{environment} is not deployed: there is no table to restore")
    if not shutil.which(checker):
        raise Refused(f"there is no program {checker}: make restore-drill builds it")
    aws = Aws(deployment)
    dynamodb = aws.client("dynamodb")
    if lose and not _is_simulator(dynamodb):
        raise Refused("a table is lost on a simulator of this machine alone, and AWS_ENDPOINT_URL names none")

    ask(f"{announce(environment, dynamodb, deployment.table, lose)} Go on? [y/N]", "y", yes)
    # By a name of its own: it takes hours, and deploys need not wait for it.
    lock = Lock(aws.ssm, f"{deployment.lock_name.rpartition('/')[0]}/restore-drill", "restore-drill", times.lease)
    lock.take()
    try:
        Drill(dynamodb, deployment, checker, lose, lock.pause, times.look).run()
    finally:
        lock.release()


def announce(environment, dynamodb, table, lose):
    described = dynamodb.describe_table(TableName=table)["Table"]
    size = f"{described['ItemCount']:,} items, {described['TableSizeBytes'] / 10**9:.1f} GB a few hours ago"
    if lose:
        return f"{environment}: this backs up the table {table} ({size}), deletes it, restores it and checks it."
    return (
        f"{environment}: this backs up the table {table} ({size}), restores it as {_copy(table)}, checks that and "
        "deletes it again with the backup. It is billed for: a backup and a restore of that size, the copy's storage "
        "while it is there, and reading the table twice and the copy a few times. The table itself is only read."
    )


class Drill:
    def __init__(self, dynamodb, deployment, checker, lose, pause, look):
        self.dynamodb, self.table, self.region = dynamodb, deployment.table, deployment.region
        self.checker, self.lose, self.pause, self.look = checker, lose, pause, look
        self.copy = self.table if lose else _copy(self.table)

    def run(self):
        # Of a drill that was killed.
        self.sweep()
        try:
            self.restore_and_check()
        finally:
            # Without the table its backup is all that there is.
            if self.status(self.table):
                self.sweep()

    def restore_and_check(self):
        before = self.count(self.table)
        begun = time.monotonic()
        backup = self.back_up()
        backed_up = time.monotonic()
        after = self.count(self.table)
        if self.lose:
            self.dynamodb.delete_table(TableName=self.table)
            self.wait_for(lambda: self.status(self.table) is None)
            say(f"{self.table} is lost")
        say(f"restoring it as {self.copy}")
        restoring = time.monotonic()
        self.dynamodb.restore_table_from_backup(TargetTableName=self.copy, BackupArn=backup)
        self.wait_for(lambda: self.status(self.copy) == "ACTIVE")
        restored = time.monotonic()

        items = self.count(self.copy)
        # Whoever uses the table meanwhile makes its count move, and the backup is of some moment in between.
        moved = abs(after - before)
        if not min(before, after) - moved <= items <= max(before, after) + moved:
            raise Failed(
                f"{self.copy} has {items} items; {self.table} had {before} before the backup, {after} after it"
            )
        self.operate("begin-epoch")
        self.operate("check")
        say(
            f"done: items={items} backup_s={backed_up - begun:.0f} restore_s={restored - restoring:.0f} "
            f"check_s={time.monotonic() - restored:.0f}"
        )

    def back_up(self):
        backup = self.dynamodb.create_backup(TableName=self.table, BackupName=BACKUP)["BackupDetails"]["BackupArn"]
        say(f"backing up {self.table}")

        def available():
            described = self.dynamodb.describe_backup(BackupArn=backup)["BackupDescription"]
            return described["BackupDetails"]["BackupStatus"] == "AVAILABLE"

        self.wait_for(available)
        return backup

    def count(self, table):
        say(f"counting the items of {table}")
        items, more = 0, {}
        while True:
            page = self.dynamodb.scan(TableName=table, Select="COUNT", ConsistentRead=True, **more)
            items += page["Count"]
            if "LastEvaluatedKey" not in page:
                return items
            more = {"ExclusiveStartKey": page["LastEvaluatedKey"]}
            self.pause(0)

    def operate(self, command):
        """Runs a command of the worker's operator on what was restored."""
        # Its own settings, and nothing of those of whoever runs this.
        own = {name: value for name, value in os.environ.items() if not name.startswith("CONTACTS_")}
        process = subprocess.Popen(
            [self.checker, command],
            env={**own, "CONTACTS_TABLE": self.copy, "AWS_REGION": self.region},
            start_new_session=True,
        )
        try:
            while process.poll() is None:
                self.pause(self.look)
        finally:
            process.kill()
            process.wait()
        if process.returncode:
            raise Failed(f"{command} of {self.copy} ended with {process.returncode}, see above")

    def wait_for(self, condition):
        while not condition():
            self.pause(self.look)

    def status(self, table):
        try:
            return self.dynamodb.describe_table(TableName=table)["Table"]["TableStatus"]
        except self.dynamodb.exceptions.ResourceNotFoundException:
            return None

    def sweep(self):
        """Deletes what drills have made. A table that somebody uses has another name."""
        for page in self.dynamodb.get_paginator("list_backups").paginate(TableName=self.table):
            for backup in page["BackupSummaries"]:
                if backup["BackupName"] == BACKUP:
                    self.delete_backup(backup["BackupArn"])
        if self.lose or self.status(self.copy) is None:
            return
        while self.status(self.copy) != "ACTIVE" and not interrupted():
            self.pause(self.look)
        try:
            self.dynamodb.delete_table(TableName=self.copy)
        except self.dynamodb.exceptions.ResourceInUseException:
            raise Failed(f"{self.copy} is still being restored, and billed: run this again to delete it") from None
        say(f"deleting {self.copy}")
        self.wait_for(lambda: interrupted() or self.status(self.copy) is None)

    def delete_backup(self, backup):
        try:
            self.dynamodb.delete_backup(BackupArn=backup)
        except self.dynamodb.exceptions.BackupInUseException:
            say(f"{backup} is still being made, and billed: run this again to delete it")


def _copy(table):
    # Nobody calls a table so who means to keep it.
    return f"{table}-restore-drill"


def _is_simulator(dynamodb):
    host = urllib.parse.urlsplit(dynamodb.meta.endpoint_url).hostname
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
