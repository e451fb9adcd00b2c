"""What a command says and asks, how long it waits, and how it is stopped."""

import re
import signal
import sys
import threading
import time

from .outcome import Interrupted, Refused

_stop = threading.Event()
_signal = signal.SIGINT
_asking = False


def catch_signals():
    """From now on a signal ends the command at its next wait, never between two writes that belong together."""

    def remember(number, _frame):
        global _signal
        _signal = number
        _stop.set()
        if _asking:
            raise Interrupted(number)

    _stop.clear()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, remember)


def interrupted():
    return _stop.is_set()


def wait(seconds):
    if _stop.wait(max(seconds, 0)):
        raise Interrupted(_signal)


def say(text):
    # Flushed, or Terraform's lines would overtake ours.
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)


def ask(question, wanted, yes):
    """Goes on if the answer is `wanted`; a `yes` was given with the command."""
    global _asking
    print(question, end=" ", flush=True)
    if yes:
        print("YES", flush=True)
        return
    _asking = True
    try:
        answer = sys.stdin.readline()
    finally:
        _asking = False
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
