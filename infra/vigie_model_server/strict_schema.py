"""The rules a strict `json_schema` has to follow before a request is accepted."""

import json
from collections.abc import Iterator, Mapping
from functools import lru_cache


@lru_cache(maxsize=64)
def fault_of_strict_text(schema: str) -> str | None:
    """`fault_of_strict_schema` for a schema as JSON: a caller sends the same few with all its requests."""
    return fault_of_strict_schema(json.loads(schema))


def fault_of_strict_schema(schema: object) -> str | None:
    """The first breach of the strict rules as `/pointer: what`, or None when the schema may be used."""
    return next(_faults(schema, ""), None)


def _faults(schema: object, pointer: str) -> Iterator[str]:
    if not isinstance(schema, Mapping):
        yield f"{pointer or '/'}: a schema must be an object"
        return
    if pointer == "" and schema.get("type") != "object":
        yield "/: the root of the schema must have `type: object`"
    if "properties" in schema or _is_object(schema):
        yield from _object_faults(schema, pointer)
    yield from _inner_faults(schema, pointer)


def _is_object(schema: Mapping[str, object]) -> bool:
    kind = schema.get("type")
    return kind == "object" or (isinstance(kind, list) and "object" in kind)


def _object_faults(schema: Mapping[str, object], pointer: str) -> Iterator[str]:
    where = pointer or "/"
    properties = schema.get("properties")
    if schema.get("additionalProperties") is not False:
        yield f"{where}: `additionalProperties:false` must be set on every object"
    if not isinstance(properties, Mapping):
        yield f"{where}: `properties` is required on every object"
        return
    required = schema.get("required")
    listed = set(required) if isinstance(required, list) else set()
    if listed != set(properties):
        yield f"{where}: `required` is required to be supplied and to be an array including every key in properties"


def _inner_faults(schema: Mapping[str, object], pointer: str) -> Iterator[str]:
    for keyword in ("properties", "$defs", "definitions"):
        inner = schema.get(keyword)
        if isinstance(inner, Mapping):
            for name, part in inner.items():
                yield from _faults_inside(part, f"{pointer}/{keyword}/{name}")
    if "items" in schema:
        yield from _faults_inside(schema["items"], f"{pointer}/items")
    for keyword in ("anyOf", "allOf", "oneOf"):
        for index, part in enumerate(_list(schema.get(keyword))):
            yield from _faults_inside(part, f"{pointer}/{keyword}/{index}")


def _faults_inside(schema: object, pointer: str) -> Iterator[str]:
    yield from _faults(schema, pointer)


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []
