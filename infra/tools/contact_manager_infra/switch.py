"""Moves an environment's traffic from one target to another: `make switch`.

    prepare   the new side is built beside the old one, as large as it, and passes the smoke test
    weights   10, 50, 100 % of the traffic, each with looks
    standby   the new side is live; the old one waits, ready to take the traffic back
    remove    the old side goes

`back` may follow each of the first three. The traffic parameter holds the step, so a switch that was
interrupted, however hard, goes on when the same command is run again; with the old target it goes back.

A plain `terraform apply` gives the rules the weights of the parameter, at any moment. So **the parameter
never gives the new side more than the rules already do**: on the way up the rules are set first, on the
way back the parameter. An apply in between takes a step back at worst, and never sends traffic to a side
that has not carried as much before, or from which it is being taken away.

Nobody is shown what Terraform does here. So **it does nothing that is not about the switch**: what a plan
changes alike with the side that comes or goes and without it is somebody else's, and stops the switch.
"""

import dataclasses
import time

from botocore.exceptions import BotoCoreError, ClientError

from . import looks, zips
from .console import ask, catch_signals, in_words, say, wait
from .deployment import CONTAINERS, Aws, Deployment, Side
from .lock import Lock
from .outcome import Failed, Interrupted, Refused, RolledBack, Trouble
from .terraform import TerraformFailed
from .traffic import TARGETS, all_on

SHARES = (10, 50, 100)

# What is watched follows the traffic, and what there is to see of it.
WATCHING = ("module.stack.module.alerts", "module.stack.module.dashboards")


@dataclasses.dataclass(frozen=True)
class Times:
    """All in seconds."""

    step: float = 180
    standby: float = 3600
    look: float = 5
    healthy: float = 900
    smoke: float = 60
    drain: float = 30
    lease: float = 90
    enough: int = 1000


def run(environment, terraform, to, yes=False, finish=False, times=Times()):
    if to not in TARGETS:
        raise Refused(f"TO={to} is no target: choose {', '.join(TARGETS)}")
    deployment = Deployment.of(terraform.open())
    if deployment is None:
        raise Refused(f"{environment} is not deployed: run make deploy ENV={environment} first")
    aws = Aws(deployment)

    catch_signals()
    seen = aws.parameter.read()
    task = decide(environment, seen, to)
    ask(f"{announce(environment, task, seen, times, finish)} Go on? [y/N]", "y", yes)

    lock = Lock(aws.ssm, deployment.lock_name, f"switch {task['from']} -> {task['to']}", times.lease)
    # A standby only waits: whoever ends it or takes it back need not wait with it.
    relieves = finish or to == task["from"]
    lock.take(relieve=lambda holder: relieves and holder.get("step") == "standby")
    terraform.tick = lock.renew
    try:
        if aws.parameter.read() != seen:
            raise Refused("the traffic has changed meanwhile: run this again")
        Switch(environment, deployment, aws, terraform, lock, seen, task, to, finish, times).run()
    except Interrupted as interrupted:
        raise interrupted.saying(_how_to_go_on(environment, aws.parameter.read())) from None
    finally:
        lock.release()


def decide(environment, traffic, to):
    """From where to where, and at which step to begin; or raises why there is nothing to do."""
    unfinished = traffic.switch
    if unfinished is None:
        if to != traffic.live:
            if traffic.standby not in ([], [to]):
                back = f"make switch ENV={environment} TO={traffic.live}"
                raise Refused(f"{traffic.standby[0]} is on standby, and there is room for one: remove it with {back}")
            return {"from": traffic.live, "to": to, "step": "prepare"}
        if not traffic.standby:
            raise Refused(f"{to} is live in {environment} already")
        # Nobody but a person's hand leaves this: what is on standby goes.
        return {"from": traffic.standby[0], "to": to, "step": "remove"}
    begun = {"from": unfinished["from"], "to": unfinished["to"], "step": unfinished["step"]}
    again = f"make switch ENV={environment} TO={begun['to']}"
    if to == begun["to"]:
        return begun
    if to != begun["from"]:
        raise Refused(
            f"the switch {begun['from']} -> {begun['to']} is not finished: "
            f"finish it with {again}, or take it back with TO={begun['from']}"
        )
    if begun["step"] == "remove":
        raise Refused(f"{to} is being removed and cannot take the traffic back: finish with {again}, then switch")
    return {**begun, "step": "back"}


def announce(environment, task, traffic, times, finish):
    old, new, step = task["from"], task["to"], task["step"]
    if step == "remove":
        return f"{environment}: {new} is live. This deletes {old}, which is on standby."
    if step == "back":
        return f"{environment}: this gives {old} all traffic again, at once, and deletes {new}."
    standby = "at once" if finish or not times.standby else f"after {in_words(times.standby)} on standby"
    if step == "standby":
        return f"{environment}: {new} is live. This deletes {old} {standby}."
    return (
        f"{environment}: {old} has {traffic.weights[old]} % of the traffic. This builds {new} beside it, moves the "
        f"traffic in steps of {', '.join(map(str, SHARES))} %, each looked at for {in_words(times.step)}, and deletes "
        f"{old} {standby}. Until then both are billed."
    )


def _how_to_go_on(environment, traffic):
    weights = ", ".join(f"{target} {weight} %" for target, weight in traffic.weights.items() if weight)
    text = f"the traffic in {environment} goes to {weights}"
    if traffic.switch is None:
        return f"{text}; nothing is unfinished"
    begun = traffic.switch
    return (
        f"{text}, the switch is at its step {begun['step']}; go on with make switch ENV={environment} "
        f"TO={begun['to']}, take it back with TO={begun['from']}"
    )


class Switch:
    def __init__(self, environment, deployment, aws, terraform, lock, traffic, task, to, finish, times):
        self.environment, self.deployment, self.aws = environment, deployment, aws
        self.terraform, self.lock, self.traffic = terraform, lock, traffic
        self.old, self.new, self.step = task["from"], task["to"], task["step"]
        self.asked_back = to == self.old
        self.finish, self.times = finish, times
        self.side = Side(deployment, aws, self.new)
        self.view = None

    def run(self):
        say(f"{self.environment}: switch {self.old} -> {self.new}, from its step {self.step}")
        try:
            if self.step == "prepare":
                self.prepare()
            if self.step == "weights":
                self.shift()
            if self.step == "standby":
                self.stand_by()
        except Trouble as trouble:
            self.go_back(str(trouble))
        except (BotoCoreError, ClientError) as error:
            # Traffic that nobody can look at moves no further.
            self.go_back(f"AWS does not answer as it should ({error})")
        else:
            if self.step == "back":
                self.go_back((self.traffic.switch or {}).get("reason"))
            else:
                self.remove()

    # The steps.

    def prepare(self):
        begun = self.traffic
        if begun.switch:
            self.note("prepare", standby=[], desired={})
        with self.plan(self.old) as plan:
            zips.check(self.terraform.folder, self.terraform.zips, plan.variable("architecture"))
            without = _what_happens(plan)
        if without and not begun.switch:
            raise Refused(self.pending(without))
        # The new side must be able to take the traffic, and the old one to take it back.
        needed = Side(self.deployment, self.aws, self.old).running()
        most = self.deployment.most_tasks
        short = [name for name, count in needed.items() if self.new in CONTAINERS and count > most.get(name, count)]
        if short and not begun.switch:
            raise Refused(
                f"{self.old} has work for {needed[short[0]]} tasks of {short[0]}, and there may be {most[short[0]]}: raise "
                f"containers.{short[0]}.max in infra/environments/{self.environment}/main.tf and run "
                f"make deploy ENV={self.environment} first"
            )
        desired = {side: needed for side in (self.old, self.new) if side in CONTAINERS and needed}
        self.note("prepare", standby=[self.new], desired=desired)
        try:
            plan = self.plan(self.new)
        except TerraformFailed:
            if not begun.switch:
                self.aws.parameter.write(begun)
            raise
        with plan:
            if pending := without & _what_happens(plan):
                raise Refused(f"{self.pending(pending)}, or take the switch back with TO={self.old}")
            try:
                plan.apply()
            except TerraformFailed as error:
                raise Trouble(f"{self.new} could not be built ({error})") from None
        # What was built is known only now.
        self.deployment = Deployment.of(self.terraform.outputs())
        self.aws.follow(self.deployment)
        self.side = Side(self.deployment, self.aws, self.new)

        say(f"waiting until {self.new} is healthy")
        self.until(self.side.unready, self.times.healthy)
        say(f"trying {self.new} through the load balancer")
        self.until(self.side.smoke, self.times.smoke)
        self.note("weights")

    def shift(self):
        for share in SHARES:
            # A resumed switch looks again at the share that it had reached.
            if share >= self.traffic.weights[self.new]:
                self.look()
                self.give(share)
                self.watch(self.times.step, self.times.enough)
        self.note("standby", live=self.new, standby=[self.old])

    def stand_by(self):
        left = 0 if self.finish else max(self.times.standby - self.age(), 0)
        say(f"{self.new} is live")
        try:
            self.watch_over(self.new)
        except (TerraformFailed, zips.Missing) as error:
            # It is tried again before the old side goes, and the traffic is where it should be.
            say(f"{self.old} is still watched in the place of {self.new} ({error})")
        if left:
            say(f"{self.old} stays on standby for {in_words(round(left))}; FINISH=1 ends that at once")
        self.watch(left)

    def remove(self):
        say(f"removing {self.old}")
        self.clean("remove", live=self.new, gone=self.old)
        say(f"done: {self.new} is live in {self.environment}, {self.old} is gone")
        say(f'set target = "{self.new}" in the environment\'s variables: a deploy that wants another target stops')

    def go_back(self, reason):
        """Takes the traffic back in one go, then removes the new side. Ends the command."""
        reason = " ".join((reason or "it was asked for").split())
        say(f"back to {self.old}: {reason}")
        deadline = time.monotonic() + self.times.healthy
        while errors := list(self.move_back(reason)):
            if time.monotonic() >= deadline:
                raise Failed(f"the traffic could not be taken back, run this again at once: {errors[0]}")
            wait(1)
        say(f"{self.old} has all traffic; removing {self.new}")
        self.clean("back", live=self.old, gone=self.new)
        text = f"{self.old} is live in {self.environment}, {self.new} is gone: {reason}"
        if not self.asked_back:
            raise RolledBack(text)
        say(f"done: {text}")

    def move_back(self, reason):
        # The rules move even if the parameter cannot be written.
        try:
            if (self.traffic.switch or {}).get("step") != "back":
                self.note("back", reason, live=self.old, weights=all_on(self.old), standby=[self.new])
        except (BotoCoreError, ClientError) as error:
            yield error
        try:
            self.aws.rules.give(all_on(self.old))
        except (BotoCoreError, ClientError) as error:
            yield error

    # What they are made of.

    def note(self, step, reason=None, **changes):
        """Writes how far we are. The lock comes first: whoever lost it must write nothing more."""
        before = self.traffic.switch or {}
        since = before["since"] if before.get("step") == step else _now()
        begun = {"from": self.old, "to": self.new, "step": step, "since": since}
        if reason := reason or before.get("reason"):
            begun["reason"] = reason
        if desired := changes.get("desired") or before.get("desired"):
            begun["desired"] = desired
        self.write(step, dataclasses.replace(self.traffic, switch=begun, **changes))

    def write(self, step, traffic):
        self.lock.renew(step)
        self.aws.parameter.write(traffic)
        self.traffic, self.step = traffic, step

    def give(self, share):
        weights = {**all_on(self.old), self.old: 100 - share, self.new: share}
        self.lock.renew("weights")
        self.aws.rules.give(weights)
        if self.traffic.weights != weights:
            self.note("weights", weights=weights)
        say(f"{self.new} has {share} % of the traffic, {self.old} {100 - share} %")

    def look(self):
        """From when on errors count: since the traffic began to move, for all later steps."""
        if self.view is None:
            self.view = looks.Looks(self.aws.cloudwatch, self.side.smoke_errors, self.side.smoked)
            self.view.add(*looks.of_target(self.deployment, self.new, self.new))
        return self.view

    def watch(self, seconds, enough=0):
        try:
            self.look().watch(seconds, self.times.look, enough, self.lock.pause, also=self.side.unhealthy)
        except Trouble as trouble:
            raise Trouble(f"{trouble}, at {self.traffic.weights[self.new]} % of the traffic") from None

    def until(self, lacking, seconds):
        """Waits until nothing is lacking."""
        deadline = time.monotonic() + seconds
        while reason := lacking():
            left = deadline - time.monotonic()
            if left <= 0:
                raise Trouble(f"after {in_words(seconds)} {reason}")
            self.lock.pause(min(1, left))

    def age(self):
        """For how long we have been at this step."""
        return max(_now() - (self.traffic.switch or {}).get("since", 0), 0)

    def drain(self):
        """Requests that are under way get as long as a target group gives them."""
        self.lock.pause(max(self.times.drain - self.age(), 0))

    def clean(self, step, live, gone):
        """Takes a side away that has no traffic any more, and then the note of this switch."""
        begun = self.traffic
        if not begun.standby:
            self.note(step, standby=[gone], desired=(begun.switch or {}).get("desired", {}))
        failed = RolledBack if live == self.old else Failed
        try:
            self.watch_over(live)
            with self.plan(live) as plan:
                with_it = _what_happens(plan)
            self.drain()
            # A plain apply may have set the rules back by a step while they were ahead of the parameter.
            self.aws.rules.give(self.traffic.weights)
            self.note(step, standby=[], desired={})
            with self.plan(live) as plan:
                if pending := with_it & _what_happens(plan):
                    self.write(self.step, begun)
                    raise failed(f"{live} is live, but {gone} is still there: {self.pending(pending)}")
                plan.apply()
        except (TerraformFailed, zips.Missing) as error:
            raise failed(
                f"{live} is live, but {gone} could not be removed ({error}); "
                f"run make switch ENV={self.environment} TO={live} again"
            ) from None
        self.write("done", dataclasses.replace(self.traffic, switch=None))

    def watch_over(self, live):
        """Lets alerts be about the side that is live now: the old one is as idle as the new one was."""
        with self.plan(live, only=WATCHING) as plan:
            if plan.changes():
                plan.apply()

    def plan(self, target, only=()):
        """What Terraform would do as the parameter is now, with what was deployed."""
        if "lambda" in (self.old, self.new):
            zips.fetch(self.environment, self.terraform.folder, self.terraform.zips, self.aws, self.deployment.bucket)
        return self.terraform.plan(quiet=True, only=only, target=target)

    def pending(self, changes):
        """What to do about changes that are not the switch's."""
        listed = ", ".join(f"{address} ({action})" for address, action in sorted(changes)[:10])
        more = f" and {len(changes) - 10} more" if len(changes) > 10 else ""
        return (
            f"the environment is not as it was deployed, and a switch applies nothing else: {listed}{more}; "
            f"run make deploy ENV={self.environment} first, which shows it, and then this again"
        )


def _what_happens(plan):
    return {(change["address"], action) for change, action in plan.changes()}


def _now():
    return round(time.time())
