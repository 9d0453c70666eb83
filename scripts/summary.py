"""Adds up what lit's JSON file and the last line of the conformance run report; fails when anything failed."""

import collections
import json
import os
import re
import sys

LIT = {"PASS": "passed", "XFAIL": "passed", "FLAKYPASS": "passed", "UNSUPPORTED": "skipped", "SKIPPED": "skipped",
       "EXCLUDED": "skipped"}

lit, conformance = sys.argv[1:]
count = collections.Counter()
if os.path.exists(lit):
    for test in json.load(open(lit))["tests"]:
        count[LIT.get(test["code"], "failed")] += 1
else:
    print("summary: lit wrote no results")
    count["failed"] += 1
if os.path.exists(conformance):
    last = (open(conformance).read().splitlines() or [""])[-1]
    found = re.fullmatch(r"(\d+) passed, (\d+) failed, (\d+) skipped", last)
    if found:
        count.update(dict(zip(("passed", "failed", "skipped"), map(int, found.groups()))))
    else:
        print("summary: the conformance run did not end")
        count["failed"] += 1
print(f"{count['passed']} passed, {count['failed']} failed, {count['skipped']} skipped")
sys.exit(1 if count["failed"] else 0)
