"""Holds a running server to its OpenAPI document, with validators that are not ours.

    openapi.py URL

The document must be valid OpenAPI 3.1. Each GET that needs no path and is no stream is asked, and its answer must
meet the schema that the document has for it. Printed is one JSON object: {path: HTTP status}.
"""

import json
import sys
from urllib.error import HTTPError
from urllib.parse import quote
from urllib.request import urlopen

from jsonschema import Draft202012Validator, FormatChecker
from openapi_spec_validator import OpenAPIV31SpecValidator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

DOCUMENT = "urn:document"


def get(url: str) -> tuple[int, object]:
    try:
        with urlopen(url, timeout=30) as answer:
            return answer.status, json.load(answer)
    except HTTPError as error:
        return error.code, json.load(error)


def pointer(*keys: str) -> str:
    return "#/" + "/".join(quote(key.replace("~", "~0").replace("/", "~1"), safe="~") for key in keys)


def main() -> int:
    if len(sys.argv) != 2:
        print("usage: openapi.py URL", file=sys.stderr)
        return 2
    url = sys.argv[1].rstrip("/")
    _, document = get(f"{url}/api/openapi.json")
    OpenAPIV31SpecValidator(document).validate()
    resource = Resource.from_contents(document, default_specification=DRAFT202012)
    registry = Registry().with_resource(DOCUMENT, resource)

    def check(answer: object, *keys: str) -> None:
        schema = {"$ref": DOCUMENT + pointer(*keys)}
        Draft202012Validator(schema, registry=registry, format_checker=FormatChecker()).validate(answer)

    statuses = {}
    for path, operations in document["paths"].items():
        operation = operations.get("get")
        if "{" in path or operation is None or "text/event-stream" in operation["responses"]["200"]["content"]:
            continue
        status, answer = get(url + path)
        if status == 200:
            check(answer, "paths", path, "get", "responses", "200", "content", "application/json", "schema")
        else:
            check(answer, "components", "schemas", "Error")
        statuses[path] = status
    print(json.dumps(statuses, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
