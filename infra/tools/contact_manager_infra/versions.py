"""Published versions of the functions, on their way to the alias that callers call."""

import dataclasses
import time

from . import looks
from .console import in_words, say
from .outcome import Failed
from .release import in_a_row, release


@dataclasses.dataclass(frozen=True)
class Move:
    """One function's way from the version that its alias names to the newest one."""

    function: str
    old: str
    new: str


def bring(deployment, aws, times, pause, live):
    """Moves every alias that is behind. Without traffic there is nothing to look at: then it moves at once."""
    moves = [move for function in deployment.functions.values() if (move := _behind(aws, function, deployment.alias))]
    if not moves:
        return
    for move in moves:
        _await_active(aws, move, times, pause)
        say(f"{move.function}: version {move.old} -> {move.new}")
    versions = Versions(deployment, aws, moves)
    if live:
        release(versions, times, pause)
    else:
        versions.give_at_once()


class Versions:
    shares = (10, 50, 100)

    def __init__(self, deployment, aws, moves):
        self.deployment, self.aws, self.moves = deployment, aws, moves
        self.view, self.whole = looks.Looks(aws.cloudwatch), set()

    def begin(self):
        alias = self.deployment.alias
        errors, _requests = looks.of_target(self.deployment, "lambda", "the functions")
        self.view.add(
            [*(looks.version_errors(move.function, alias, move.new) for move in self.moves), *errors],
            [looks.version_requests(move.function, alias, move.new) for move in self.moves],
        )

    def give(self, share):
        for move in self.moves:
            if share == 100:
                self._hand_over(move)
                continue
            try:
                self._point(move, move.old, {move.new: share / 100})
            except self.aws.functions.exceptions.InvalidParameterValueException as error:
                # An alias with provisioned concurrency may refuse weights.
                say(f"{move.function} moves in one step: {error}")
                self._hand_over(move)

    def give_at_once(self):
        for move in self.moves:
            self._point(move, move.new, {})

    def _hand_over(self, move):
        if move not in self.whole:
            # From now on the alias' own metrics are the version's, and there are no others.
            alias = self.deployment.alias
            self.view.add(
                [looks.alias_errors(move.function, alias, move.new)], [looks.alias_requests(move.function, alias)]
            )
            self.whole.add(move)
        self._point(move, move.new, {})

    def take_back(self):
        for move in self.moves:
            self._point(move, move.old, {})

    def settle(self, _times, _pause):
        """An alias leads to its version at once."""

    def old(self):
        return in_a_row([f"version {move.old} of {move.function}" for move in self.moves])

    def _point(self, move, version, weights):
        self.aws.functions.update_alias(
            FunctionName=move.function,
            Name=self.deployment.alias,
            FunctionVersion=version,
            RoutingConfig={"AdditionalVersionWeights": weights},
        )


def _behind(aws, function, alias):
    now = aws.functions.get_alias(FunctionName=function, Name=alias)
    pages = aws.functions.get_paginator("list_versions_by_function").paginate(FunctionName=function)
    versions = [each["Version"] for page in pages for each in page["Versions"] if each["Version"].isdigit()]
    newest = max(versions, key=int, default=now["FunctionVersion"])
    # A release that was interrupted may have left weights.
    shared = now.get("RoutingConfig", {}).get("AdditionalVersionWeights")
    return Move(function, now["FunctionVersion"], newest) if newest != now["FunctionVersion"] or shared else None


def _await_active(aws, move, times, pause):
    deadline = time.monotonic() + times.healthy
    while True:
        state = aws.functions.get_function_configuration(FunctionName=move.function, Qualifier=move.new)
        if state.get("State", "Active") == "Active":
            return
        if state["State"] == "Failed" or time.monotonic() >= deadline:
            reason = state.get("StateReason") or f"not active after {in_words(times.healthy)}"
            raise Failed(f"version {move.new} of {move.function}: {reason}; version {move.old} is live")
        pause(1)
