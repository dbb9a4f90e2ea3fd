# SPDX-License-Identifier: MIT
"""The local server as a child process, with its clock, and clients of boto3 that call it."""

import json
import os
import subprocess
import urllib.request

import boto3
from botocore.config import Config

COMMAND = os.environ.get("LAMBDAKIQ_COMMAND", "build/release/lambdakiq")
REGION = "us-east-1"
KEY, SECRET = "AKIDCONFORMANCE", "the secret of the conformance tests"

# The names of all operations that were called, by whichever client.
called = set()


class LocalSqs:
    """One `lambdakiq serve`. `options` are those of the command."""

    def __init__(self, *options, secret=None):
        environment = dict(os.environ)
        if secret:
            environment["LAMBDAKIQ_SECRET_ACCESS_KEY"] = secret
        self._process = subprocess.Popen(
            [COMMAND, "serve", "--port", "0", "--json", *options],
            stdout=subprocess.PIPE, env=environment)
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("lambdakiq serve did not start")
        self.url = json.loads(line)["url"]

    def stop(self):
        self._process.terminate()
        code = self._process.wait(timeout=60)
        self._process.stdout.close()
        if code != 0:
            raise RuntimeError(f"lambdakiq serve ended with {code}")

    def advance(self, seconds):
        """Moves the clock."""
        body = json.dumps({"advance_s": seconds}).encode()
        with urllib.request.urlopen(f"{self.url}/_lambdakiq/clock", body, timeout=60) as answer:
            answer.read()

    def arguments(self, key="local", secret="local", **config):
        """What boto3 wants to make a client or a resource. Nothing is tried twice: an error is seen."""
        return {
            "endpoint_url": self.url, "region_name": REGION,
            "aws_access_key_id": key, "aws_secret_access_key": secret,
            "config": Config(retries={"max_attempts": 0}, **config),
        }

    def client(self, key="local", secret="local", verify=None, **config):
        client = boto3.client("sqs", verify=verify, **self.arguments(key, secret, **config))
        client.meta.events.register(
            "before-call.sqs", lambda model, **_: called.add(model.name))
        return client


_servers = {}


def shared(*options, secret=None):
    """The server with these options, started once and stopped by stop_all()."""
    key = (options, secret)
    if key not in _servers:
        _servers[key] = LocalSqs(*options, secret=secret)
    return _servers[key]


def stop_all():
    while _servers:
        _servers.popitem()[1].stop()
