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


def fault_of_answer(schema: object, answer: object) -> str | None:
    """The first breach of a schema by an answer, or None.

    The keywords that our schemas use, read as they are: each customer has closed lists of their own, and to compile a
    schema takes a hundred times as long as to read it.
    """
    return next(_breaches(schema, answer, "data"), None)


def _breaches(schema: object, value: object, where: str) -> Iterator[str]:
    if not isinstance(schema, Mapping):
        return
    if "type" in schema and not _is_of_type(value, schema["type"]):
        yield f"jsonschema: {where} must be {schema['type']}"
    elif "enum" in schema and value not in _list(schema["enum"]):
        yield f"jsonschema: {where} must be one of {schema['enum']}"
    elif isinstance(value, int | float) and not schema.get("minimum", value) <= value <= schema.get("maximum", value):
        yield f"jsonschema: {where} is out of bounds"
    elif isinstance(value, str | list) and not _fits_in(schema, len(value), isinstance(value, str)):
        yield f"jsonschema: {where} is too short or too long"
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _breaches(schema.get("items"), item, f"{where}[{index}]")
    elif isinstance(value, dict):
        yield from _breaches_inside(schema, value, where)


def _breaches_inside(schema: Mapping[str, object], value: Mapping[str, object], where: str) -> Iterator[str]:
    properties = schema.get("properties")
    known = properties if isinstance(properties, Mapping) else {}
    if missing := [name for name in _list(schema.get("required")) if name not in value]:
        yield f"jsonschema: {where} must contain {missing} properties"
    if schema.get("additionalProperties") is False and (strange := value.keys() - known.keys()):
        yield f"jsonschema: {where} must not contain {strange} properties"
    for name in value.keys() & known.keys():
        yield from _breaches(known[name], value[name], f"{where}.{name}")


def _is_of_type(value: object, name: object) -> bool:
    if isinstance(name, list):
        return any(_is_of_type(value, each) for each in name)
    if isinstance(value, bool):
        return name == "boolean"
    types: Mapping[object, type | tuple[type, ...]] = {
        "object": dict, "array": list, "string": str, "number": (int, float), "integer": int, "null": type(None),
    }  # fmt: skip
    return isinstance(value, types.get(name, ()))


def _fits_in(schema: Mapping[str, object], size: int, is_text: bool) -> bool:
    least, most = ("minLength", "maxLength") if is_text else ("minItems", "maxItems")
    return int(str(schema.get(least, 0))) <= size <= int(str(schema.get(most, size)))
