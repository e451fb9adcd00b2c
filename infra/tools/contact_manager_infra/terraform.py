"""Terraform, run in an environment's folder."""

import functools
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile

from botocore.exceptions import BotoCoreError, ClientError

from . import zips
from .console import interrupted, wait
from .outcome import Failed, Outcome, Refused

# A Terraform whose command was killed may still be at work.
LOCK_TIMEOUT = "-lock-timeout=5m"


class TerraformFailed(Failed):
    """Terraform has printed why."""


class Terraform:
    def __init__(self, folder, image="", files=None, chosen=False):
        """What is given to every plan: an image, and the files of the functions. Both stay as deployed where none are
        given; files that nobody has `chosen` stand back behind the environment's own settings."""
        self.folder, self.files, self.chosen = folder, files or {}, chosen
        self.variables, self.defaults = ({"image": image} if image else {}), {}
        # The functions' zips, by their names in the folder.
        self.zips = {}
        # Called every second while Terraform runs.
        self.tick = lambda: None

    def open(self):
        """Makes the folder ready and returns its outputs."""
        backend = ["-backend-config=backend.hcl"] if (self.folder / "backend.hcl").exists() else []
        self._run(["init", "-input=false", *backend], quiet=True)
        outputs = self.outputs()
        deployed = outputs.get("release", {})
        if image := deployed.get("image"):
            self.defaults["image"] = image
        self.zips = zips.lay(self.folder, self.files) or deployed.get("zips") or {}
        if self.zips:
            (self.variables if self.chosen else self.defaults)["zips"] = json.dumps(self.zips)
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

    def record(self, release):
        """Has the outputs name this release as what was deployed, from now on, and changes no resource."""
        given = {name: value for name in ("image", "zips") if (value := release.get(name))}
        self.zips, self.defaults = given.get("zips", {}), {}
        self.variables = {name: value if name == "image" else json.dumps(value) for name, value in given.items()}
        with self.plan(quiet=True, refresh_only=True) as plan:
            plan.apply()

    def plan(self, destroy=False, quiet=False, lock=True, refresh_only=False, only=(), **variables):
        """A plan to show and to apply, for a `with`. What is applied is what was shown. `only` are addresses of modules."""
        plan = Plan(self)
        try:
            given = [f"-var={name}={value}" for name, value in {**self.variables, **variables}.items()]
            how = [LOCK_TIMEOUT if lock else "-lock=false"]
            how += ["-destroy"] * destroy + ["-refresh-only"] * refresh_only + [f"-target={module}" for module in only]
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

    @functools.cached_property
    def _shown(self):
        return json.loads(self.terraform._run(["show", "-json", self.file], quiet=True))

    def changes(self):
        """Pairs of a resource and what happens to it: create, update, delete or replace."""
        return [
            (change, "replace" if len(change["change"]["actions"]) == 2 else change["change"]["actions"][0])
            for change in self._shown.get("resource_changes", [])
            if change["mode"] == "managed" and change["change"]["actions"] not in (["no-op"], ["read"])
        ]

    def outputs_change(self):
        return any(change["actions"] != ["no-op"] for change in self._shown.get("output_changes", {}).values())

    def variable(self, name):
        return self._shown["variables"][name]["value"]

    def apply(self):
        self.terraform._run(["apply", "-input=false", LOCK_TIMEOUT, self.file])
