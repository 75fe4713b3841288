"""Holds answers against schemas with Python's jsonschema: a line {"schema", "text"} in, a line {"valid", "at"} out.

"at" is the place of each fault, as a JSON pointer. jsonschema is pinned in scripts/engines/requirements-tools.txt.
"""
import json
import math
import sys

from jsonschema import Draft202012Validator


def constant(name):
    raise ValueError(name + " is no JSON")


def number(text):
    if not math.isfinite(float(text)):
        raise ValueError(text + " is no double")
    return int(text) if text.lstrip("-").isdigit() else float(text)


def place(error):
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in error.absolute_path) or "/"


for line in sys.stdin:
    row = json.loads(line)
    try:
        answer = json.loads(row["text"], parse_constant=constant, parse_int=number, parse_float=number)
    except (ValueError, RecursionError):
        print(json.dumps({"valid": False, "at": []}))
        continue
    at = sorted({place(e) for e in Draft202012Validator(row["schema"]).iter_errors(answer)})
    print(json.dumps({"valid": not at, "at": at}))
