"""Shows what a deploy would do, and does none of it: `make plan`, `make drift`."""

from . import zips
from .console import catch_signals, say
from .deploy import announce, make_ready
from .outcome import Differs


def run(environment, terraform, drift):
    catch_signals()
    make_ready(environment, terraform)
    # Who may only read cannot lock.
    with terraform.plan(lock=False) as plan:
        zips.check(terraform.folder, terraform.zips, plan.variable("architecture"))
        changes, outputs_change = plan.changes(), plan.outputs_change()
    if not changes and not outputs_change:
        say(f"{environment} is as planned: nothing to change")
        return
    what = announce(environment, changes) if changes else f"{environment}: this changes outputs, and no resource."
    if drift:
        raise Differs(what)
    say(what)
