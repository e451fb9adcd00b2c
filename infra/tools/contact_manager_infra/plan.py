"""Shows what a deploy would do, and does none of it: `make plan`, `make drift`."""

from .console import catch_signals, say
from .deploy import announce
from .outcome import Differs


def run(environment, terraform, drift):
    catch_signals()
    terraform.open()
    # Who may only read cannot lock.
    with terraform.plan(lock=False) as plan:
        changes, outputs_change = plan.changes()
    if not changes and not outputs_change:
        say(f"{environment} is as planned: nothing to change")
        return
    what = announce(environment, changes) if changes else f"{environment}: this changes outputs, and no resource."
    if drift:
        raise Differs(what)
    say(what)
