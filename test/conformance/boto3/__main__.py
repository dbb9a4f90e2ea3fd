# SPDX-License-Identifier: MIT
"""Runs the suite, and then asks whether it called every operation that this boto3 knows."""

import os
import sys
import unittest

import boto3
import botocore

import local_sqs


def main():
    print(f"boto3 {boto3.__version__}, botocore {botocore.__version__}")
    suite = unittest.defaultTestLoader.discover(os.path.dirname(os.path.abspath(__file__)))
    try:
        result = unittest.TextTestRunner(verbosity=int(os.environ.get("VERBOSE", "1"))).run(suite)
        known = set(local_sqs.shared().client().meta.service_model.operation_names)
    finally:
        local_sqs.stop_all()
    if not result.wasSuccessful() or result.testsRun == 0:
        return 1
    missing = known - local_sqs.called
    if missing:
        print(f"operations that no test called: {', '.join(sorted(missing))}", file=sys.stderr)
        return 1
    print(f"all {len(known)} operations of the client were called")
    return 0


sys.exit(main())
