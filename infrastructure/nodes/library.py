"""The nodes that come with Clew, by where they are: each is imported when it is first used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from infrastructure.nodes.outside import NOTHING
from infrastructure.nodes.registry import NodeRegistry

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from infrastructure.nodes.outside import Outside
    from infrastructure.table_store import TableStore

LIBRARY: Final[Mapping[str, str]] = {
    "aggregate": "infrastructure.nodes.aggregate:Aggregate",
    "approval": "infrastructure.nodes.waiting:Approval",
    "arrayUtilities": "infrastructure.nodes.array_utilities:ArrayUtilities",
    "ask-ai": "infrastructure.nodes.ask_ai:AskAi",
    "auth": "infrastructure.nodes.auth:Auth",
    "batch": "infrastructure.nodes.iterators:Batch",
    "calculateField": "infrastructure.nodes.calculate_field:CalculateField",
    "compareDatasets": "infrastructure.nodes.compare_datasets:CompareDatasets",
    "database": "infrastructure.nodes.database:Database",
    "dateTime": "infrastructure.nodes.date_time:DateTime",
    "each": "infrastructure.nodes.iterators:Each",
    "editFields": "infrastructure.nodes.edit_fields:EditFields",
    "empty": "infrastructure.nodes.empty:Empty",
    "end": "infrastructure.nodes.endings:Finish",
    "every-array-item": "infrastructure.nodes.iterators:EveryArrayItem",
    "extractText": "infrastructure.nodes.extract_text:ExtractText",
    "fail": "infrastructure.nodes.endings:Fail",
    "fetchApi": "infrastructure.nodes.fetch_api:FetchApi",
    "filesystem": "infrastructure.nodes.filesystem:Filesystem",
    "filter": "infrastructure.nodes.filter:Filter",
    "jsonExtract": "infrastructure.nodes.json_extract:JsonExtract",
    "limit": "infrastructure.nodes.limit:Limit",
    "log": "infrastructure.nodes.log:Log",
    "logic": "infrastructure.nodes.logic:Logic",
    "math": "infrastructure.nodes.arithmetic:Math",
    "mathOperations": "infrastructure.nodes.math_operations:MathOperations",
    "objectUtilities": "infrastructure.nodes.object_utilities:ObjectUtilities",
    "parallel": "infrastructure.nodes.parallel:Parallel",
    "range": "infrastructure.nodes.iterators:Range",
    "removeDuplicates": "infrastructure.nodes.remove_duplicates:RemoveDuplicates",
    "resource-interpolate": "infrastructure.nodes.resource_interpolate:ResourceInterpolate",
    "resource-list": "infrastructure.nodes.resource_list:ResourceList",
    "resource-read": "infrastructure.nodes.resource_read:ResourceRead",
    "resource-write": "infrastructure.nodes.resource_write:ResourceWrite",
    "run-workflow": "infrastructure.nodes.run_workflow:RunWorkflowDashed",
    "runWorkflow": "infrastructure.nodes.run_workflow:RunWorkflow",
    "send-email": "infrastructure.nodes.send_email:SendEmailDashed",
    "sendEmail": "infrastructure.nodes.send_email:SendEmail",
    "signal": "infrastructure.nodes.waiting:Signal",
    "snapshot": "infrastructure.nodes.snapshot:Snapshot",
    "sort": "infrastructure.nodes.sort:Sort",
    "splitOut": "infrastructure.nodes.split_out:SplitOut",
    "stringOperations": "infrastructure.nodes.string_operations:StringOperations",
    "summarize": "infrastructure.nodes.summarize:Summarize",
    "switch": "infrastructure.nodes.switch:Switch",
    "transform": "infrastructure.nodes.transform:Transform",
    "transformObject": "infrastructure.nodes.transform_object:TransformObject",
    "validateData": "infrastructure.nodes.validate_data:ValidateData",
    "wait": "infrastructure.nodes.waiting:Wait",
    "while": "infrastructure.nodes.while_loop:While",
}

_ON_TABLES: Final = (
    "database",
    "removeDuplicates",
    "resource-interpolate",
    "resource-list",
    "resource-read",
    "resource-write",
)


def standard_registry(
    *,
    files_root: Path | None,
    nodes_dirs: Sequence[Path] = (),
    entry_points: bool = True,
    outside: Outside = NOTHING,
    tables: TableStore | None = None,
    secrets: frozenset[str] | None = None,
) -> NodeRegistry:
    """The library, then the nodes of the folders, then those of installed packages; the first of an id stays.

    `files_root` is the one folder that `filesystem` may touch (None: it refuses);
    `outside` is what the nodes for HTTP, mail and language models may reach;
    `tables` is where nodes keep what lasts longer than a run (None: they refuse);
    `secrets` are the names of what the service will give them (None: not known).
    """
    registry = NodeRegistry(secrets=secrets)
    options: dict[str, dict[str, Any]] = {
        "filesystem": {"root": files_root},
        "fetchApi": {"allowed": outside.allowed},
        "sendEmail": {"server": outside.mail},
        "send-email": {"server": outside.mail},
        "ask-ai": {"endpoint": outside.ai},
        **{node_id: {"tables": tables} for node_id in _ON_TABLES},
    }
    for node_id, target in LIBRARY.items():
        registry.register_lazy(node_id, target, reuse="singleton", options=options.get(node_id))
    for directory in nodes_dirs:
        registry.discover(directory)
    if entry_points:
        registry.load_entry_points()
    return registry
