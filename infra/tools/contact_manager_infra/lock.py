"""One change of an environment at a time, by a parameter that is created only if it is not there.

The parameter says who holds it. A holder writes it again every third of the lease; one that did not for a
whole lease is taken for dead, and so is, at once, a process of this machine that no longer runs. The lock
keeps people apart and remembers nothing else: how far a switch has come is in the traffic parameter.
"""

import getpass
import json
import os
import socket
import time
import uuid
from email.utils import parsedate_to_datetime

from botocore.exceptions import BotoCoreError, ClientError

from .console import say, wait
from .outcome import Refused, TakenOver


class Lock:
    def __init__(self, ssm, name, what, lease):
        self.ssm, self.name, self.lease = ssm, name, lease
        self.holder = {
            "id": str(uuid.uuid4()),
            "what": what,
            "step": "",
            "who": f"{_user()}@{socket.gethostname()}",
            "since": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "process": _process(os.getpid()),
        }
        self.written = None

    def take(self, relieve=lambda holder: False):
        """Takes the lock, from a dead holder too, or from a living one that `relieve` allows to relieve."""
        try:
            self.ssm.put_parameter(Name=self.name, Value=json.dumps(self.holder), Type="String", Overwrite=False)
            self.written = time.monotonic()
            return
        except self.ssm.exceptions.ParameterAlreadyExists:
            pass
        holder, version, age = self._read()
        if holder is None:
            return self.take(relieve)
        dead = _gone(holder.get("process")) or age >= self.lease
        if not dead and not relieve(holder):
            raise Refused(
                f"{_describe(holder)} since {holder.get('since')}, last heard of {age:.0f} s ago; "
                f"if that process is dead, run this again in {self.lease - age + 1:.0f} s"
            )
        say(f"{_describe(holder)} since {holder.get('since')}: taking over from it")
        self._write(version)

    def renew(self, step=None):
        """Raises if the lock is another's. Says that we are alive every third of a lease, and at each new step."""
        due = time.monotonic() - self.written >= self.lease / 3
        if step is None and not due:
            return
        # Whoever loses a race for the lock puts the winner's value back, so one look may be wrong.
        for _ in range(5):
            holder, version, _age = self._read()
            if holder is not None and holder.get("id") == self.holder["id"]:
                if due or step != self.holder["step"]:
                    self.holder["step"] = step or self.holder["step"]
                    if self._write(version) == 1:
                        # It was taken over and released since we looked: what we made is no lock of ours.
                        self.ssm.delete_parameter(Name=self.name)
                        break
                return
            wait(0.2)
        raise TakenOver(f"{_describe(holder)} now; nothing more is done here" if holder else "the lock was taken away")

    def pause(self, seconds):
        deadline = time.monotonic() + seconds
        while True:
            wait(min(max(deadline - time.monotonic(), 0), max(self.lease / 3, 0.05)))
            self.renew()
            if time.monotonic() >= deadline:
                return

    def release(self):
        try:
            holder, _version, _age = self._read()
            if holder is not None and holder.get("id") == self.holder["id"]:
                self.ssm.delete_parameter(Name=self.name)
        except (BotoCoreError, ClientError) as error:
            # How the command ended matters more, and the lease ends anyway.
            say(f"the lock {self.name} could not be released: {error}")

    def _read(self):
        try:
            answer = self.ssm.get_parameter(Name=self.name)
        except self.ssm.exceptions.ParameterNotFound:
            return None, 0, 0
        parameter = answer["Parameter"]
        try:
            holder = json.loads(parameter["Value"])
        except ValueError:
            holder = {}
        # Both times are the service's: no two machines' clocks are compared.
        now = answer["ResponseMetadata"]["HTTPHeaders"].get("date")
        age = _seconds(now) - parameter["LastModifiedDate"].timestamp()
        return holder, parameter["Version"], max(age, 0)

    def _write(self, version):
        """Replaces `version` and returns the new one, which is 1 if the lock had been released. Parameters know no
        conditional write, but they count: any other number than the next says that somebody was quicker, whose
        value is then put back."""
        written = self.ssm.put_parameter(Name=self.name, Value=json.dumps(self.holder), Overwrite=True, Type="String")
        if written["Version"] not in (version + 1, 1):
            winner = self.ssm.get_parameter(Name=f"{self.name}:{version + 1}")["Parameter"]["Value"]
            self.ssm.put_parameter(Name=self.name, Value=winner, Overwrite=True, Type="String")
            raise TakenOver(f"{_describe(json.loads(winner))} now; nothing was done here")
        self.written = time.monotonic()
        return written["Version"]


def _describe(holder):
    step = f" ({holder['step']})" if holder.get("step") else ""
    return f"{holder.get('who', 'somebody')} holds the lock for {holder.get('what', 'something')}{step}"


def _user():
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        # A container may run as a number without a name.
        return str(os.getuid())


def _seconds(date):
    return parsedate_to_datetime(date).timestamp() if date else time.time()


def _process(pid):
    """Names a process so that no other, here or elsewhere, now or later, has the same name; or None."""
    try:
        with open(f"/proc/{pid}/stat") as stat, open("/proc/sys/kernel/random/boot_id") as boot:
            # The name of the program, in brackets, may hold spaces: count from behind it.
            fields = stat.read().rpartition(")")[2].split()
            if fields[0] in "ZX":
                return None
            machine = f"{boot.read().strip()} {os.readlink('/proc/self/ns/pid')}"
            return {"machine": machine, "pid": pid, "started": fields[19]}
    except OSError:
        return None


def _gone(process):
    here = _process(os.getpid())
    if not process or not here or process["machine"] != here["machine"]:
        return False
    return _process(process["pid"]) != process
