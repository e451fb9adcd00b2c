"""The functions' zips, each kept under its SHA-256.

A deploy lays them beside the environment's files and gives Terraform those names, so that its output `release`
says to the byte what was deployed; after the apply they are in the environment's bucket too. Who needs them
later takes what that output names, on whatever machine, and never what lies in dist/ by then.
"""

import hashlib
import os
import re
import struct
import tempfile
import zipfile

from botocore.exceptions import ClientError

from .outcome import Refused

FOLDER = ".terraform/release"
PREFIX = "release/"

# Of those that nothing needs: of ten releases, so that for two weeks of one a day an older one can be deployed as it
# was. What is older is built anew from its commit.
SPARE = 20

KEPT = re.compile(rf"{re.escape(FOLDER)}/([0-9a-f]{{64}})\.zip")

# e_machine of the ELF header: https://refspecs.linuxfoundation.org/elf/gabi4+/ch4.eheader.html
ARCHITECTURES = {62: "x86_64", 183: "arm64"}


class Missing(Refused):
    """What was deployed cannot be had."""


def lay(folder, files):
    """Lays files under their names into an environment's folder, and returns these names."""
    return {function: _lay(folder, file.read_bytes()) for function, file in files.items()}


def keep(folder, zips, aws, bucket):
    """Puts them into the bucket, where whoever needs them again finds them."""
    for name in zips.values():
        if not (folder / name).is_file():
            continue
        try:
            with open(folder / name, "rb") as file:
                aws.s3.put_object(Bucket=bucket, Key=_key(name), Body=file, IfNoneMatch="*")
        except ClientError as error:
            # It is there: the name says what is in it.
            if error.response["Error"]["Code"] != "PreconditionFailed":
                raise


def fetch(environment, folder, zips, aws, bucket):
    """Makes sure that what was deployed is in the folder."""
    again = f"run make deploy ENV={environment} first, with the zips that shall run: it keeps what it deploys"
    if not zips:
        raise Missing(f"no zips have been deployed to {environment}: {again}")
    for name in zips.values():
        wanted = KEPT.fullmatch(name)
        if not wanted:
            raise Missing(f"{name} was applied to {environment} by hand, and nobody can tell what it was: {again}")
        file = folder / name
        if file.is_file() and _sha256(file.read_bytes()) == wanted[1]:
            continue
        try:
            content = aws.s3.get_object(Bucket=bucket, Key=_key(name))["Body"].read()
        except ClientError as error:
            raise Missing(f"{_key(name)} was deployed, and cannot be had from {bucket} ({error}): {again}") from None
        if _sha256(content) != wanted[1]:
            raise Missing(f"{_key(name)} in {bucket} is not what was deployed under that name: {again}")
        _lay(folder, content)


def prune(aws, bucket, *releases):
    """Deletes from the bucket what is neither of one of these releases nor among the newest."""
    needed = {_key(name) for release in releases for name in (release.get("zips") or {}).values()}
    pages = aws.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=PREFIX)
    spare = [each for page in pages for each in page.get("Contents", []) if each["Key"] not in needed]
    spare.sort(key=lambda each: each["LastModified"], reverse=True)
    for each in spare[SPARE:]:
        aws.s3.delete_object(Bucket=bucket, Key=each["Key"])


def check(folder, zips, architecture):
    """Refuses programs that the wanted architecture cannot run: a function with one fails at its first call."""
    for function, name in (zips or {}).items():
        if not (folder / name).is_file():
            continue
        built = _architecture(folder / name)
        if built is None:
            raise Refused(f"the zip of {function} holds no program `bootstrap`: make it with make package")
        if built != architecture:
            raise Refused(
                f"the zip of {function} was built for {built}, and the environment wants {architecture}: set "
                f'architecture = "{built}" in its terraform.tfvars, or name zips built for {architecture} by ZIP='
            )


def _lay(folder, content):
    name = f"{FOLDER}/{_sha256(content)}.zip"
    (folder / FOLDER).mkdir(parents=True, exist_ok=True)
    # Whole or not at all: another process may be about to read it.
    with tempfile.NamedTemporaryFile(dir=folder / FOLDER, delete=False) as part:
        part.write(content)
    os.replace(part.name, folder / name)
    return name


def _architecture(file):
    try:
        with zipfile.ZipFile(file) as archive, archive.open("bootstrap") as program:
            head = program.read(20)
    except (KeyError, zipfile.BadZipFile):
        return None
    if len(head) < 20 or head[:4] != b"\x7fELF":
        return None
    # The sixth byte says how its numbers are written.
    (machine,) = struct.unpack("<H" if head[5] == 1 else ">H", head[18:20])
    return ARCHITECTURES.get(machine, f"machine {machine}")


def _key(name):
    return PREFIX + name.rpartition("/")[2]


def _sha256(content):
    return hashlib.sha256(content).hexdigest()
