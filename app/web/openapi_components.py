"""Named schemas in the OpenAPI document, for fields that have the same values in several places."""

from typing import Any, cast

from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin
from marshmallow import fields

# What a use of a component says besides the reference to it.
OF_THE_USE = ("description", "examples", "default", "readOnly")


class Schemas(MarshmallowPlugin):
    """apispec: fields with a `component` in their metadata refer to it."""

    def init_spec(self, spec: APISpec) -> None:
        super().init_spec(spec)
        cast(Any, self.converter).add_attribute_function(refer_to_component)


def refer_to_component(converter: Any, field: fields.Field[Any], ret: dict[str, Any]) -> dict[str, Any]:
    """apispec: replace the schema of a field that has a `component` in its metadata by a reference to that component.

    The values are the same for every field of the component, so clients get one type for them. `ret` is the schema
    that the other functions of apispec have found.
    """
    name = field.metadata.get("component")
    if name is None:
        return {}
    use = {key: ret.pop(key) for key in OF_THE_USE if key in ret}
    schema = {**ret, "type": converter.field2type_and_format(field)["type"]}  # without "null"
    if "anyOf" in ret:
        schema = {"anyOf": ret["anyOf"]}
    if "enum" in schema:
        schema["enum"] = [value for value in schema["enum"] if value is not None]
    ret.clear()
    components = converter.spec.components
    if components.schemas.setdefault(name, schema) != schema:
        raise ValueError(f"Two fields have different values, but the same component {name}.")
    reference = components.get_ref("schema", name)
    return use | ({"anyOf": [reference, {"type": "null"}]} if field.allow_none else reference)
