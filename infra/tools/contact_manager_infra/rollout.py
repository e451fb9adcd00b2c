"""Rolling deployments of ECS: waits for them, and says why one went back."""

import time

from .console import in_words
from .outcome import Failed, RolledBack


class Rollout:
    def __init__(self, aws, side):
        self.aws, self.side = aws, side

    def wait(self, times, pause):
        """Waits until every service runs its newest task definition and nothing else."""
        deadline = time.monotonic() + times.healthy
        while moving := self.moving():
            if reason := self.failure():
                raise RolledBack(reason)
            if time.monotonic() >= deadline:
                raise Failed(f"after {in_words(times.healthy)} {moving}")
            pause(min(times.look, 1))

    def moving(self):
        """What is under way, or None."""
        for name, service in self.side.services().items():
            primary = _primary(service)
            if (
                len(service["deployments"]) > 1
                or primary["taskDefinition"] != self.newest(primary)
                or primary.get("rolloutState", "COMPLETED") != "COMPLETED"
                or service["runningCount"] < service["desiredCount"]
            ):
                tasks = f"{service['runningCount']} of {service['desiredCount']}"
                return f"{tasks} tasks of {self.side.target}'s {name} run, and its deployment is not complete"
        return None

    def begun(self):
        """The deployment of each service that is the newest now."""
        return {_primary(service)["id"] for service in self.side.services().values()}

    def failure(self, before=frozenset()):
        """Why a service does not run its newest task definition, if ECS has given it up; or None. A service whose
        deployment was there `before` has not been asked to run it."""
        for name, service in self.side.services().items():
            primary = _primary(service)
            newest = self.newest(primary)
            given_up = [each for each in service["deployments"] if each.get("rolloutState") == "FAILED"]
            if primary["id"] in before and not given_up:
                continue
            if primary["taskDefinition"] == newest and not given_up:
                continue
            wanted, running = _revision(newest), _revision(primary["taskDefinition"])
            why = self.last_words(service, newest) or next(
                (each["rolloutStateReason"] for each in (*given_up, primary) if each.get("rolloutStateReason")),
                "its events say why",
            )
            return f"{self.side.target}'s {name} went back from revision {wanted} to {running}: {why}"
        return None

    def newest(self, deployment):
        family = deployment["taskDefinition"].rpartition(":")[0]
        return self.aws.ecs.describe_task_definition(taskDefinition=family.rpartition("/")[2])["taskDefinition"][
            "taskDefinitionArn"
        ]

    def last_words(self, service, definition):
        """Why the task of a definition that stopped last did so."""
        cluster = service["clusterArn"]
        tasks = self.aws.ecs.list_tasks(cluster=cluster, serviceName=service["serviceName"], desiredStatus="STOPPED")
        if not tasks["taskArns"]:
            return None
        stopped = self.aws.ecs.describe_tasks(cluster=cluster, tasks=tasks["taskArns"][:100])["tasks"]
        stopped = [task for task in stopped if task["taskDefinitionArn"] == definition and task.get("stoppedReason")]
        if not stopped:
            return None
        task = max(stopped, key=lambda each: each["stoppedAt"].timestamp() if "stoppedAt" in each else 0)
        ends = [
            f"{container['name']} ended with {container.get('reason') or container['exitCode']}"
            for container in task.get("containers", [])
            if container.get("reason") or container.get("exitCode")
        ]
        return "; ".join([task["stoppedReason"], *ends])


def definition_of(service):
    """The task definition that a service runs, or is on its way to."""
    return _primary(service)["taskDefinition"]


def _primary(service):
    return next(each for each in service["deployments"] if each["status"] == "PRIMARY")


def _revision(definition):
    return definition.rpartition(":")[2]
