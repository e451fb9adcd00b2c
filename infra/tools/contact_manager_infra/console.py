"""What a command says and asks, how long it waits, and how it is stopped."""

import contextlib
import re
import signal
import sys
import time

from .outcome import Interrupted, Refused

_signal = None
_may_stop = False


def catch_signals():
    """From now on a signal ends the command at its next wait, never between two writes that belong together."""

    def remember(number, _frame):
        global _signal
        first, _signal = _signal is None, number
        if first and _may_stop:
            raise Interrupted(number)

    global _signal
    _signal = None
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, remember)


@contextlib.contextmanager
def _stoppable():
    # No threading.Event: a handler that comes while its lock is held waits for it for ever.
    global _may_stop
    _may_stop = True
    try:
        if interrupted():
            raise Interrupted(_signal)
        yield
    finally:
        _may_stop = False


def interrupted():
    return _signal is not None


def wait(seconds):
    with _stoppable():
        time.sleep(max(seconds, 0))


def say(text):
    # Flushed, or Terraform's lines would overtake ours.
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)


def ask(question, wanted, yes):
    """Goes on if the answer is `wanted`; a `yes` was given with the command."""
    print(question, end=" ", flush=True)
    if yes:
        print("YES", flush=True)
        return
    with _stoppable():
        answer = sys.stdin.readline()
    if not answer.endswith("\n"):
        print(flush=True)
    if answer.strip() != wanted:
        raise Refused("not confirmed, nothing was changed")


def duration(text):
    """Seconds of `180`, `0.5`, `90s`, `30m`, `1h`."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?|\.\d+)([smh]?)", text.strip())
    if not match:
        raise ValueError(f"{text!r} is no duration: write 180, 90s, 30m or 1h")
    return float(match[1]) * {"": 1, "s": 1, "m": 60, "h": 3600}[match[2]]


def in_words(seconds):
    if seconds >= 3600 and seconds % 3600 == 0:
        return f"{seconds / 3600:g} h"
    if seconds >= 120 and seconds % 60 == 0:
        return f"{seconds / 60:g} min"
    return f"{seconds:g} s"
