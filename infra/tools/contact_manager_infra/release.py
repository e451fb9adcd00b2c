"""Brings a release to its callers in steps that are looked at, and takes it back at the first sign of trouble.

How a step is made, versions.py knows of functions and tasks.py of containers.
"""

from botocore.exceptions import BotoCoreError, ClientError

from .console import say
from .outcome import Interrupted, RolledBack, Trouble


def release(change, times, pause):
    try:
        change.begin()
        for share in change.shares:
            change.give(share)
            say(f"the new version has {share} % of the calls")
            try:
                change.view.watch(times.step, times.look, times.enough, pause)
            except Trouble as trouble:
                raise Trouble(f"{trouble}, at {share} % of the calls") from None
    except (Trouble, BotoCoreError, ClientError) as trouble:
        say(f"back to the old version: {trouble}")
        change.take_back()
        change.settle(times, pause)
        raise RolledBack(f"{trouble}; {change.old()} live again") from None
    except Interrupted as interrupted:
        change.take_back()
        raise interrupted.saying(f"{change.old()} live again; {interrupted}") from None


def in_a_row(names):
    """Names as a subject, with their verb."""
    return f"{' and '.join(names)} {'is' if len(names) == 1 else 'are'}"
