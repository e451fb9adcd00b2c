"""How a command ends. The exit codes are part of its interface."""


class Outcome(Exception):
    """Ends the command with one line for people and one code for programs."""

    code = 1
    word = "failed"


class Failed(Outcome):
    """Something went wrong that nobody took back."""


class RolledBack(Outcome):
    """The change was tried, met trouble, and was taken back."""

    code = 3
    word = "rolled back"


class Refused(Outcome):
    """Nothing was begun."""

    code = 4
    word = "refused"


class Differs(Outcome):
    """What there is, is not what was applied."""

    code = 5
    word = "found a difference"


class TakenOver(Refused):
    """Another process holds the lock now."""

    word = "stopped"


class Interrupted(Outcome):
    """A signal arrived; the code is the shell's."""

    word = "interrupted"

    def __init__(self, number):
        super().__init__("run this again to go on")
        self.code = 128 + number

    def saying(self, text):
        self.args = (text,)
        return self


class Trouble(Exception):
    """A sign that the new side or version must not have the traffic."""
