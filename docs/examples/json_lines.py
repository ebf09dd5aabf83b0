"""Validate JSON Lines by a schema: a map over an iterator, with a bound on items in flight."""

import json

import fastjsonschema
from comparing import compare

SCHEMA = {
    "type": "object",
    "required": ["id", "name", "tags", "prices"],
    "properties": {
        "id": {"type": "integer", "minimum": 1},
        "name": {"type": "string", "minLength": 2, "pattern": "^[a-z]+$"},
        "tags": {"type": "array", "items": {"type": "string"}, "maxItems": 3},
        "prices": {"type": "array", "items": {"type": "number", "exclusiveMinimum": 0}},
    },
}
LINES = [
    json.dumps({"id": n, "name": "spam", "tags": ["a"] * (n % 5), "prices": [n % 97] * 60})
    for n in range(20_000)
]
validators = []


def error_of(line):
    if not validators:
        validators.append(fastjsonschema.compile(SCHEMA))  # once in each worker
    try:
        validators[0](json.loads(line))
    except fastjsonschema.JsonSchemaException as error:
        return error.message
    return None


compare(
    f"{len(LINES)} lines of JSON",
    lambda: [error_of(line) for line in LINES],
    lambda pool: list(pool.map(error_of, iter(LINES), buffersize=5_000)),
)
