"""moto's server, which all tests share, and the commands, each in a forked process so that it can be killed."""

import atexit
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time
import traceback
import urllib.request
from unittest import mock

import boto3
import botocore.config

TOOLS = pathlib.Path(__file__).parents[1]
sys.path.insert(0, str(TOOLS))

from contact_manager_infra import __main__ as program  # noqa: E402

REGION = "us-east-1"

# No waiting: every wait of the commands is for a condition that holds at once or not at all.
AT_ONCE = ["--step=0", "--look=0", "--healthy=0"]
SWITCH_AT_ONCE = [*AT_ONCE, "--standby=0", "--smoke=0", "--drain=0"]


def setUpModule():
    """Of every test module: one server for all of them, until the tests end."""
    if Moto.process is None:
        os.environ.update(
            AWS_ACCESS_KEY_ID="test",
            AWS_SECRET_ACCESS_KEY="test",
            AWS_DEFAULT_REGION=REGION,
            AWS_EC2_METADATA_DISABLED="true",
        )
        Moto.start()
        atexit.register(Moto.stop)


class Moto:
    process = None

    @classmethod
    def start(cls):
        server = pathlib.Path(__file__).with_name("server.py")
        cls.log = tempfile.TemporaryFile("w+")
        cls.process = subprocess.Popen(
            [sys.executable, "-u", str(server), "--host=127.0.0.1", "--port=0"],
            stdout=cls.log,
            stderr=subprocess.STDOUT,
            # Every service has the one task that it asks for.
            env={**os.environ, "MOTO_ECS_SERVICE_RUNNING": "1"},
        )
        deadline = time.monotonic() + 60
        while True:
            cls.log.seek(0)
            text = cls.log.read()
            if "Running on http://127.0.0.1:" in text:
                break
            if cls.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"moto_server did not start: {text}")
            time.sleep(0.02)
        cls.url = text.partition("Running on ")[2].split()[0]
        os.environ["AWS_ENDPOINT_URL"] = cls.url
        # Made once, because that takes longer than a test. Processes must not share connections: the first
        # clients are this one's, the second those of a command, the third those of what `before` does there.
        # They try once and not six times: what fails here fails on purpose.
        session, cls.pid = boto3.session.Session(), os.getpid()
        once = botocore.config.Config(region_name=REGION, retries={"total_max_attempts": 1})
        names = ("ssm", "elbv2", "cloudwatch", "ecs", "lambda", "ec2", "iam", "s3", "dynamodb", "backup")
        cls.own, cls.commands, cls.befores = (
            {name: session.client(name, config=once) for name in names} for _ in range(3)
        )

    @classmethod
    def stop(cls):
        cls.process.terminate()
        cls.process.wait()
        cls.log.close()

    @classmethod
    def reset(cls):
        urllib.request.urlopen(urllib.request.Request(f"{cls.url}/moto-api/reset", method="POST")).close()


class Command:
    """A command in a process of its own. `before` is called there before each call of AWS, with its name and
    parameters."""

    def __init__(self, world, arguments, before, stdin):
        self.output = tempfile.TemporaryFile("w+")
        given = tempfile.TemporaryFile("w+")
        given.write(stdin)
        given.flush()
        given.seek(0)
        environments = world.dev.parent
        arguments = [arguments[0], "--env=dev", *arguments[1:], f"--environments={environments}"]
        sys.stdout.flush()
        sys.stderr.flush()
        self.pid = os.fork()
        if self.pid:
            given.close()
            return
        code = 99
        try:
            os.dup2(given.fileno(), 0)
            os.dup2(self.output.fileno(), 1)
            os.dup2(self.output.fileno(), 2)
            sys.stdin, sys.stdout, sys.stderr = open(0), open(1, "w"), open(2, "w")
            with mock.patch("boto3.session.Session", lambda: Session(before)):
                code = program.main(arguments)
        except SystemExit as stop:
            code = stop.code
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)

    def kill(self, number=signal.SIGKILL):
        os.kill(self.pid, number)

    def wait(self):
        deadline = time.monotonic() + 60
        while True:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                break
            if time.monotonic() > deadline:
                self.kill()
            time.sleep(0.005)
        self.output.seek(0)
        result = Result(os.waitstatus_to_exitcode(status), self.output.read())
        self.output.close()
        return result


class Result:
    def __init__(self, code, text):
        self.code, self.text = code, text

    def __repr__(self):
        return f"exit code {self.code}:\n{self.text}"


class Session:
    """Makes clients that tell `before` of their calls."""

    def __init__(self, before):
        self.before = before

    def client(self, name, config=None):
        client = Moto.commands[name]
        if self.before:
            client.meta.events.register(
                "provide-client-params", lambda params, model, **_: self.before(model.name, params)
            )
        return client


def until(condition):
    """Waits for a condition."""
    deadline = time.monotonic() + 30
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError("waited for 30 s in vain")
        time.sleep(0.01)
