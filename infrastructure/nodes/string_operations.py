"""`stringOperations`: one operation on one text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from domain.node import Answer, Edge, NodeMetadata, Parameter
from domain.paths import MISSING
from infrastructure.nodes.base import LIBRARY_VERSION, as_text, example, invalid, notes, taken
from infrastructure.nodes.needs import need
from infrastructure.nodes.state_fields import FieldNode, path_of, read, store
from infrastructure.nodes.text_operations import OPERATIONS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from domain.context import ExecutionContext


class StringOperations(FieldNode):
    """Changes a text of the state in its place, or stores the changed text elsewhere."""

    metadata = NodeMetadata(
        id="stringOperations",
        name="String operations",
        version=LIBRARY_VERSION,
        description="One operation on one text, which is named by field or given as value.",
        example=example(
            {"stringOperations": {"operation": "slugify", "value": "$.title", "outputField": "slug"}},
            title="What is new in Clew",
        ),
        outputs=("stringOperationResult",),
        edges=("success",),
        effect="none",
        edge_info={"success": taken("always", "result field operation originalValue")},
        output_info={"<outputField>": "The result.", "stringOperationResult": "The same."},
        notes=notes(
            """
            Exactly one of `field` and `value`; null is an error. With `value` and no outputField only
            stringOperationResult is written.

            `replace` takes the first, `replaceAll` all, `replaceRegex` a pattern; `split` gives a list;
            `substring` takes two places in either order, `slice` negative ones too, which count from
            the end; `concat` adds `values`; `pad` fills up to `length`.
            """
        ),
        parameters={
            "operation": Parameter(types=("string",), required=True, enum=tuple(OPERATIONS)),
            "field": Parameter(types=("string",), description="The path of the text in the state."),
            "value": Parameter(description="The text itself. What is no text is written as JSON first."),
            "outputField": Parameter(types=("string",), description="Default: field."),
            "searchValue": Parameter(aliases=("pattern",), description="Of replace, replaceAll and replaceRegex."),
            "replaceValue": Parameter(default="", aliases=("replacement",), description="In replaceRegex with $1."),
            "flags": Parameter(types=("string",), default="g", description="Of replaceRegex: g, i, m, s."),
            "separator": Parameter(description="Of split."),
            "start": Parameter(types=("integer",), description="Of substring and slice."),
            "end": Parameter(types=("integer",), description="Of substring and slice. Default: the end of the text."),
            "values": Parameter(types=("array",), description="Of concat."),
            "length": Parameter(types=("integer",), description="Of pad."),
            "padChar": Parameter(types=("string",), default=" ", description="Of pad."),
            "side": Parameter(
                types=("string",), default="right", enum=("left", "right", "both"), description="Of pad."
            ),
        },
    )

    needs = (
        need("field", "value"),
        need("searchValue", operation=("replace", "replaceAll", "replaceRegex")),
        need("separator", operation="split"),
        need("start", operation=("substring", "slice")),
        need("values", operation="concat"),
        need("length", operation="pad"),
    )

    def run(self, context: ExecutionContext, config: dict[str, Any]) -> Answer:
        """Change."""
        original = subject(context, config, "value")
        name = self.output_name(config)
        target = None if name is None else path_of(name, "outputField")
        result = OPERATIONS[config["operation"]](as_text(original), config)
        if target is not None:
            store(context, target, result)
        context.state["stringOperationResult"] = result
        data = {"result": result, "field": config.get("field"), "operation": config["operation"]}
        return Edge("success", {**data, "originalValue": original})

    def output_name(self, config: Mapping[str, Any]) -> Any:
        """`outputField`, else the field itself, else nowhere."""
        return config.get("outputField", config.get("field"))


def subject(context: ExecutionContext, config: Mapping[str, Any], name: str) -> Any:
    """The value that `field` names or that the parameter `name` gives. Raises `INVALID_PARAMETER`, also for null."""
    if ("field" in config) == (name in config):
        raise invalid(f"give exactly one of field and {name}", parameter="field")
    if name in config:
        if config[name] is None:
            raise invalid(f"{name} is null, which is no text", parameter=name)
        return config[name]
    value = read(context, path_of(config["field"], "field"))
    if value is MISSING or value is None:
        found = "is missing from the state" if value is MISSING else "is null"
        raise invalid(f"the field {config['field']} {found}", parameter="field")
    return value
