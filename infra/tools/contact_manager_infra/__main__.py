"""python3 -m contact_manager_infra plan | deploy | switch | destroy | restore-drill | alert-test | silence | cost

The Makefile passes its variables as they are, so an option may be empty.
"""

import argparse
import pathlib
import re
import sys

from botocore.exceptions import BotoCoreError, ClientError

from . import alert_test, cost, deploy, destroy, plan, restore_drill, silence, switch
from .console import duration
from .outcome import Outcome, Refused
from .terraform import Terraform

ENVIRONMENTS = pathlib.Path(__file__).parents[2] / "environments"


def main(arguments=None):
    options = _parser().parse_args(arguments)
    try:
        if options.command == "cost":
            cost.run()
            return 0
        environment = options.env
        folder = _folder(environment, options.environments)
        if options.command in ("plan", "deploy"):
            terraform = Terraform(
                folder, options.image, _files(options.zip, options.environments), chosen=bool(options.zip)
            )
        else:
            terraform = Terraform(folder)
        if options.command == "plan":
            plan.run(environment, terraform, options.drift not in ("", "0"))
            return 0
        if options.command == "alert-test":
            alert_test.run(environment, terraform, _times(options, alert_test.Times))
            return 0
        if options.command == "silence":
            silence.run(environment, terraform, options.alert, options.hours)
            return 0
        yes = "" if options.yes in ("0", "no") else options.yes
        times = _times(options, switch.Times)
        if options.command == "deploy":
            deploy.run(environment, terraform, yes, times)
        elif options.command == "switch":
            if options.image or options.zip:
                raise Refused(
                    f"a switch moves what was deployed: give IMAGE= and ZIP= to make deploy ENV={environment}"
                )
            switch.run(environment, terraform, options.to, yes, options.finish not in ("", "0"), times)
        elif options.command == "restore-drill":
            restore_drill.run(environment, terraform, options.checker, yes, options.lose not in ("", "0"), times)
        else:
            destroy.run(environment, terraform, yes, times)
        return 0
    except Outcome as outcome:
        return _end(options.command, outcome.word, outcome, outcome.code)
    except (BotoCoreError, ClientError) as error:
        return _end(options.command, "failed", error, 1)


def _end(command, word, why, code):
    print(f"{command} {word}: {' '.join(str(why).split())}", file=sys.stderr, flush=True)
    return code


def _parser():
    parser = argparse.ArgumentParser(prog="contact_manager_infra", description="Runs what make runs.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("cost", help="print what each target costs a month, and write it into docs/COST.md")
    for name, what in (
        ("plan", "show what a deploy would do"),
        ("deploy", "apply an environment and release what it runs"),
        ("switch", "move an environment's traffic to another target"),
        ("destroy", "take an environment away"),
        ("restore-drill", "bring a backup of the table back under another name, and check it"),
        ("alert-test", "send an alert on its way, and say at each hop whether it came by"),
        ("silence", "have nobody told of an alert for some hours"),
    ):
        command = commands.add_parser(name, help=what, description=what, allow_abbrev=False)
        command.add_argument("--env", default="", help="dev, staging, prod: a folder of infra/environments")
        command.add_argument("--environments", type=pathlib.Path, default=ENVIRONMENTS, help=argparse.SUPPRESS)
        if name in ("plan", "deploy"):
            command.add_argument("--image", default="", help="the image by digest (default: the one deployed)")
            command.add_argument("--zip", default="", help="the folder of the functions' zips (default: dist)")
        if name == "plan":
            command.add_argument("--drift", default="", help="1: end with 5 if there is anything to do")
            continue
        if name == "alert-test":
            command.add_argument("--hop", type=_seconds, help="how long each hop may take (5m)")
            command.add_argument("--sns", type=_seconds, help="how long CloudWatch may take to tell of SNS (10m)")
            command.add_argument("--look", type=_seconds, help="time between two looks (5)")
            command.add_argument("--every", type=_seconds, help="time between two samples (15)")
            continue
        if name == "silence":
            command.add_argument("--alert", default="", help="the alert's name, as emails give it")
            command.add_argument("--hours", default="", help="for how long; 0 ends a silence")
            continue
        command.add_argument("--yes", default="", help="1: do not ask; for destroy in prod: prod")
        command.add_argument("--lease", type=_seconds, help="after how long without a sign a process is dead (90)")
        if name == "destroy":
            continue
        command.add_argument("--look", type=_seconds, help="time between two looks (5)")
        if name == "restore-drill":
            command.add_argument("--checker", default="worker-container", help="the program whose `check` is asked")
            command.add_argument(
                "--lose", default="", help="1: lose the table first; on a simulator of this machine alone"
            )
            continue
        if name == "switch":
            # For deploy; named here to be refused.
            command.add_argument("--image", default="", help=argparse.SUPPRESS)
            command.add_argument("--zip", default="", help=argparse.SUPPRESS)
        command.add_argument("--step", type=_seconds, help="how long each weight is looked at (180)")
        command.add_argument("--enough", type=int, help="requests after which a look is over; 0: never (1000)")
        command.add_argument("--healthy", type=_seconds, help="how long a new side or version may take (15m)")
        if name == "deploy":
            continue
        command.add_argument("--to", default="", help="lambda, fargate or ec2")
        command.add_argument("--finish", default="", help="1: end the standby at once")
        command.add_argument("--standby", type=_seconds, help="how long the old side waits (1h)")
        command.add_argument("--smoke", type=_seconds, help="how long the smoke test may take to pass (60)")
        command.add_argument("--drain", type=_seconds, help="how long requests under way may take (30)")
    return parser


def _seconds(text):
    if not text:
        return None
    try:
        return duration(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _times(options, kind):
    given = {name: value for name, value in vars(options).items() if name in kind.__annotations__}
    return kind(**{name: value for name, value in given.items() if value is not None})


def _folder(environment, environments):
    known = sorted(path.name for path in environments.iterdir() if path.is_dir()) if environments.is_dir() else []
    if not re.fullmatch(r"[a-z][a-z0-9-]*", environment) or environment not in known:
        raise Refused(f"ENV={environment} is no environment: choose {', '.join(known)}")
    return environments / environment


def _files(chosen, environments):
    """The functions' zips: of the folder that was chosen, or of dist/ if it has them."""
    path = pathlib.Path(chosen) if chosen else environments.parents[1] / "dist"
    files = {"api": path if path.is_file() else path / "api-lambda.zip"}
    files["worker"] = files["api"].with_name("worker-lambda.zip")
    missing = [str(file) for file in files.values() if not file.is_file()]
    if missing and chosen:
        raise Refused(f"there is no {missing[0]}: ZIP= names a folder with api-lambda.zip and worker-lambda.zip")
    return {} if missing else files


if __name__ == "__main__":
    sys.exit(main())
