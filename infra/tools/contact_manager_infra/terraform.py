"""Terraform, run in an environment's folder."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile

from botocore.exceptions import BotoCoreError, ClientError

from .console import interrupted, wait
from .outcome import Failed, Outcome, Refused

# A Terraform whose command was killed may still be at work.
LOCK_TIMEOUT = "-lock-timeout=5m"


class TerraformFailed(Failed):
    """Terraform has printed why."""


class Terraform:
    def __init__(self, folder, variables, defaults):
        """`variables` are given to every plan; `defaults` stand back behind the environment's own files."""
        self.folder, self.variables, self.defaults = folder, variables, defaults
        # Called every second while Terraform runs.
        self.tick = lambda: None

    def open(self, release=True):
        """Makes the folder ready and returns its outputs. The image stays as deployed unless another was given; so
        do the zips where the command is no `release`."""
        backend = ["-backend-config=backend.hcl"] if (self.folder / "backend.hcl").exists() else []
        self._run(["init", "-input=false", *backend], quiet=True)
        outputs = self.outputs()
        deployed = outputs.get("release", {})
        if image := deployed.get("image"):
            self.defaults["image"] = image
        zips = deployed.get("zips") or {}
        if not release and zips and all((self.folder / file).is_file() for file in zips.values()):
            self.defaults["zips"] = json.dumps(zips)
        return outputs

    def outputs(self):
        values = json.loads(self._run(["output", "-json"], quiet=True) or "{}")
        return {name: output["value"] for name, output in values.items()}

    def state(self):
        """The addresses and values of what there is."""
        shown = json.loads(self._run(["show", "-json"], quiet=True))
        found, modules = [], [shown.get("values", {}).get("root_module", {})]
        while modules:
            module = modules.pop()
            found += [each for each in module.get("resources", []) if each.get("mode") == "managed"]
            modules += module.get("child_modules", [])
        return found

    def plan(self, destroy=False, quiet=False, lock=True, **variables):
        """A plan to show and to apply, for a `with`. What is applied is what was shown."""
        plan = Plan(self)
        try:
            given = [f"-var={name}={value}" for name, value in {**self.variables, **variables}.items()]
            how = [LOCK_TIMEOUT if lock else "-lock=false", *(["-destroy"] if destroy else [])]
            self._run(["plan", "-input=false", f"-out={plan.file}", *how, *given], quiet=quiet)
        except BaseException:
            plan.folder.cleanup()
            raise
        return plan

    def _run(self, arguments, quiet=False):
        """Runs Terraform; `quiet` returns what it prints instead of showing it, unless it fails."""
        program = shutil.which("terraform")
        if not program:
            raise Refused("terraform is not installed: see https://developer.hashicorp.com/terraform/install")
        if not sys.stdout.isatty() and arguments[0] in ("init", "plan", "apply"):
            arguments = [arguments[0], "-no-color", *arguments[1:]]
        with tempfile.TemporaryFile() as printed:
            process = subprocess.Popen(
                [program, *arguments],
                cwd=self.folder,
                env={**{f"TF_VAR_{name}": value for name, value in self.defaults.items()}, **os.environ},
                stdin=subprocess.DEVNULL,
                stdout=printed if quiet else None,
                stderr=subprocess.STDOUT if quiet and arguments[0] == "init" else None,
                # The terminal's Ctrl-C would reach Terraform twice, and twice means: drop everything.
                start_new_session=True,
            )
            told, trouble = False, None
            while True:
                try:
                    process.wait(timeout=1)
                    break
                except subprocess.TimeoutExpired:
                    try:
                        self.tick()
                    except (Outcome, BotoCoreError, ClientError) as error:
                        # What has begun is not left without anybody who waits for it.
                        trouble = error
                    if interrupted() and not told:
                        process.send_signal(signal.SIGINT)
                        told = True
            wait(0)
            if isinstance(trouble, Outcome):
                raise trouble
            printed.seek(0)
            text = printed.read().decode(errors="replace")
        if process.returncode != 0:
            if quiet and arguments[0] in ("init", "plan"):
                print(text, file=sys.stderr, flush=True)
            raise TerraformFailed(f"terraform {arguments[0]} failed in {self.folder.name}, see above")
        return text


class Plan:
    """A file of its own, deleted afterwards: it may hold what is secret."""

    def __init__(self, terraform):
        self.terraform = terraform
        self.folder = tempfile.TemporaryDirectory(prefix="contact-manager-")
        self.file = os.path.join(self.folder.name, "plan")

    def __enter__(self):
        return self

    def __exit__(self, *_exception):
        self.folder.cleanup()

    def changes(self):
        """Pairs of a resource and what happens to it (create, update, delete or replace); and whether outputs
        change."""
        shown = json.loads(self.terraform._run(["show", "-json", self.file], quiet=True))
        resources = [
            (change, "replace" if len(change["change"]["actions"]) == 2 else change["change"]["actions"][0])
            for change in shown.get("resource_changes", [])
            if change["mode"] == "managed" and change["change"]["actions"] not in (["no-op"], ["read"])
        ]
        outputs = any(change["actions"] != ["no-op"] for change in shown.get("output_changes", {}).values())
        return resources, outputs

    def apply(self):
        self.terraform._run(["apply", "-input=false", LOCK_TIMEOUT, self.file])
