"""The shell of the workflows, run with stand-ins for gh and docker that write down what they are asked."""

import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(__file__).parents[2]
DIGEST = "sha256:" + "ab" * 32

# Notes each call, then does what the test's own lines say.
STAND_IN = """#!/usr/bin/env bash
printf '%s\\n' "${{0##*/}} ${{*//$'\\n'/ }}" >> "{log}"
{lines}
"""


class Scripts(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.log = self.folder / "log"
        self.log.touch()
        (self.folder / "bin").mkdir()
        # A repository of their own: some write into it.
        self.root = self.folder / "repository"
        shutil.copytree(ROOT / ".github/scripts", self.root / ".github/scripts")
        (self.root / "infra/environments/dev").mkdir(parents=True)

    def stand_in(self, name, lines=""):
        path = self.folder / "bin" / name
        path.write_text(STAND_IN.format(log=self.log, lines=lines))
        path.chmod(0o755)

    def run_script(self, name, *arguments, **variables):
        return subprocess.run(
            [self.root / ".github/scripts" / name, *arguments],
            cwd=self.root,
            env={
                "PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}",
                "GITHUB_REPOSITORY": "example/contact-manager",
                **variables,
            },
            capture_output=True,
            text=True,
        )

    def passes(self, name, *arguments, **variables):
        done = self.run_script(name, *arguments, **variables)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def calls(self):
        return self.log.read_text().splitlines()


class Configure(Scripts):
    def test_writes_what_the_variables_say(self):
        self.passes("configure", "dev", BACKEND='bucket = "b"', TFVARS='region = "r"')
        folder = self.root / "infra/environments/dev"
        self.assertEqual((folder / "backend.hcl").read_text(), 'bucket = "b"\n')
        self.assertEqual((folder / "terraform.tfvars").read_text(), 'region = "r"\n')

    def test_names_the_variable_that_is_not_set(self):
        done = self.run_script("configure", "dev", BACKEND='bucket = "b"', TFVARS="")
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("TFVARS_DEV", done.stderr)


class Verify(Scripts):
    def test_asks_for_main_and_the_commit_of_every_artifact(self):
        self.stand_in("gh")
        self.passes("verify", "c0ffee", "oci://example.com/it@sha256:1", "api.zip")
        image, zip = self.calls()
        self.assertTrue(image.startswith("gh attestation verify oci://example.com/it@sha256:1 "))
        for call in (image, zip):
            self.assertIn(" --source-ref refs/heads/main --source-digest c0ffee ", call)
            self.assertIn(" --signer-workflow example/contact-manager/.github/workflows/main.yml ", call)

    def test_stops_at_the_first_that_is_not_signed(self):
        self.stand_in("gh", "exit 1")
        self.assertNotEqual(self.run_script("verify", "c0ffee", "one", "two").returncode, 0)
        self.assertEqual(len(self.calls()), 1)


class Deployed(Scripts):
    def test_brings_what_was_deployed_and_prints_its_commit(self):
        self.stand_in(
            "gh",
            """case "$1 $2" in
            "api "*) echo 42;;
            "run download") mkdir dist; echo c0ffee > dist/commit; touch dist/api-lambda.zip dist/worker-lambda.zip;;
            esac""",
        )
        (self.root / "dist").mkdir()
        (self.root / "dist/left-over").touch()
        self.assertEqual(self.passes("deployed", "dev"), "c0ffee\n")
        self.assertFalse((self.root / "dist/left-over").exists())
        self.assertEqual([call.split()[1] for call in self.calls()], ["api", "run", "attestation", "attestation"])

    def test_prints_nothing_where_nothing_was_deployed(self):
        self.stand_in("gh")
        self.assertEqual(self.passes("deployed", "dev"), "")

    def test_refuses_what_main_did_not_build(self):
        self.stand_in(
            "gh",
            """case "$1" in
            api) echo 42;;
            run) mkdir dist; echo c0ffee > dist/commit;;
            attestation) exit 1;;
            esac""",
        )
        done = self.run_script("deployed", "dev")
        self.assertNotEqual(done.returncode, 0)
        self.assertEqual(done.stdout, "")


class Image(Scripts):
    def build(self, **machines):
        self.stand_in("git", 'if [ "$1" = log ]; then echo 1700000000; else echo c0ffee; fi')
        self.stand_in(
            "docker",
            f"""while [ $# -gt 0 ]; do
              [ "$1" = --metadata-file ] && printf '{{\\n  "containerimage.digest": "{DIGEST}"\\n}}' > "$2"
              [ "$1" = inspect ] && echo {DIGEST}
              shift
            done; true""",
        )
        for machine, elf in machines.items():
            dist = self.folder / "built" / machine / "dist"
            dist.mkdir(parents=True)
            for name in ("api-container", "worker-container"):
                (dist / name).write_bytes(b"\x7fELF" + bytes(14) + bytes.fromhex(elf) + bytes(44))
        return self.run_script("image", "example.com/it", "v1", str(self.folder / "built"))

    def test_joins_both_machines_by_digest(self):
        done = self.build(x86_64="3e00", arm64="b700")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(done.stdout, f"example.com/it@{DIGEST}\n")
        create, amd64, arm64, join, _inspect = [call for call in self.calls() if call.startswith("docker ")]
        self.assertIn(" --platform linux/amd64 ", amd64)
        self.assertIn(" --platform linux/arm64 ", arm64)
        self.assertTrue(arm64.endswith("/built/arm64"))
        self.assertIn("push-by-digest=true", amd64)
        self.assertTrue(join.endswith(f"--tag example.com/it:v1 example.com/it@{DIGEST} example.com/it@{DIGEST}"))

    def test_is_not_built_from_binaries_of_another_machine(self):
        done = self.build(x86_64="3e00", arm64="3e00")
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("api-container is not for arm64", done.stderr)
        self.assertFalse([call for call in self.calls() if "imagetools create" in call])


class Tag(Scripts):
    IMAGE = f"registry.example/contact-manager@{DIGEST}"

    def test_is_given_to_the_image_by_its_digest(self):
        self.stand_in("docker", '[ "$3" = create ]')
        self.passes("tag", self.IMAGE, "v1.0.0")
        self.assertEqual(
            self.calls()[-1],
            f"docker buildx imagetools create --tag registry.example/contact-manager:v1.0.0 {self.IMAGE}",
        )

    def test_is_given_once(self):
        self.stand_in("docker", f'[ "$3" = inspect ] && echo {DIGEST}')
        self.passes("tag", self.IMAGE, "v1.0.0")
        self.assertEqual(len(self.calls()), 1)

    def test_does_not_move(self):
        self.stand_in("docker", f'[ "$3" = inspect ] && echo sha256:{"cd" * 32}')
        done = self.run_script("tag", self.IMAGE, "v1.0.0")
        self.assertEqual((done.returncode, len(self.calls())), (1, 1))
        self.assertIn("tags do not move", done.stderr)


class Subjects(Scripts):
    def test_are_the_digests_of_the_image_and_the_files(self):
        (self.root / "api.zip").write_text("zip")
        lines = self.passes("subjects", f"example.com/it@{DIGEST}", "api.zip").splitlines()
        self.assertEqual(lines[0], f"{DIGEST.removeprefix('sha256:')}  example.com/it")
        self.assertRegex(lines[1], "^[0-9a-f]{64}  api.zip$")


class Sections(Scripts):
    def test_hold_the_last_line_as_a_title_and_no_noise(self):
        (self.root / "dev.txt").write_text("aws_lb.this: Refreshing state... [id=1]\n  + a\n12:00:00 dev: this creates 1\n")
        text = self.passes("sections", "dev.txt")
        self.assertIn("<b>dev</b>: 12:00:00 dev: this creates 1</summary>", text)
        self.assertIn("\n  + a\n", text)
        self.assertNotIn("Refreshing", text)

    def test_do_not_show_the_secret_of_the_site(self):
        (self.root / "dev.txt").write_text(
            '      + "CONTACTS_SITE_SECRET" = "first-secret"\n      + "CONTACTS_TABLE" = "contacts"\n'
            '      {\n        + name  = "CONTACTS_SITE_SECRET"\n        + value = "second-secret"\n      },\n'
            '      {\n        + name  = "CONTACTS_TABLE"\n        + value = "shown"\n      },\n'
        )
        text = self.passes("sections", "dev.txt")
        self.assertNotIn("-secret", text)
        self.assertIn('"contacts"', text)
        self.assertIn('"shown"', text)

    def test_fit_into_a_comment_together(self):
        names = []
        for name in ("dev.txt", "staging.txt", "prod.txt"):
            (self.root / name).write_text("+ line\n" * 10_000)
            names.append(name)
        text = self.passes("sections", *names)
        self.assertLess(len(text), 65_536)
        self.assertIn("the rest is in the log", text)


class Report(Scripts):
    def report(self, text, found=""):
        self.stand_in("gh", f'if [ "$2" = list ]; then echo "{found}"; fi')
        (self.root / "issue.md").write_text(text)
        self.passes("report", "drift", "A title", "issue.md", RUN_URL="https://example.com/1")
        return [" ".join(call.split()[1:3]) for call in self.calls()]

    def test_opens_an_issue_when_there_is_something_to_say(self):
        self.assertEqual(self.report("drift"), ["issue list", "label create", "issue create"])

    def test_keeps_to_the_issue_that_is_open(self):
        self.assertEqual(self.report("drift", found="7"), ["issue list", "issue edit"])

    def test_closes_it_when_all_is_well(self):
        self.assertEqual(self.report("", found="7"), ["issue list", "issue close"])

    def test_says_nothing_when_there_is_nothing(self):
        self.assertEqual(self.report(""), ["issue list"])


class Containers(unittest.TestCase):
    def test_the_workflows_compile_with_the_dockerfiles_toolchain(self):
        dockerfile = (ROOT / "container/Dockerfile").read_text()
        (wanted,) = [line.removeprefix("ARG RUST=") for line in dockerfile.splitlines() if line.startswith("ARG RUST=")]
        for workflow in (ROOT / ".github/workflows").glob("*.yml"):
            for line in workflow.read_text().splitlines():
                if "rust:" in line:
                    self.assertTrue(line.endswith(wanted), f"{workflow.name}: {line.strip()} is not {wanted}")


if __name__ == "__main__":
    unittest.main()
