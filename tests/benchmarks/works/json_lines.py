"""JSON Lines are validated by a schema with fastjsonschema: lines are sent, errors come back."""

import json

import fastjsonschema

LINES = 20_000
WORD = {"type": "string", "pattern": "^[a-z]+$", "minLength": 2}
VALIDATE = fastjsonschema.compile(
    {
        "type": "object",
        "required": ["order", "customer", "items"],
        "additionalProperties": False,
        "properties": {
            "order": {"type": "integer", "minimum": 1},
            "customer": {"type": "object", "required": ["name"], "properties": {"name": WORD}},
            "items": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["what", "count"],
                    "properties": {"what": WORD, "count": {"type": "integer", "minimum": 1}},
                },
            },
        },
    }
)


def error_of(line: str) -> str | None:
    """Return what is wrong with a line."""
    try:
        VALIDATE(json.loads(line))
    except fastjsonschema.JsonSchemaException as error:
        return str(error.message)
    return None


def lines(scale: float, _number: int) -> list[str]:
    """Return lines of JSON, some of which are wrong."""
    return [json.dumps(order(number)) for number in range(round(LINES * scale))]


def order(number: int) -> dict[str, object]:
    """Return an order; the first one, and every ninth one, breaks a rule."""
    items = [{"what": "spam", "count": count or number % 9} for count in range(8)]
    return {"order": number, "customer": {"name": "brian"}, "items": items}
