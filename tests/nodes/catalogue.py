"""The catalogue of node types as its specification writes it: parameters, edges, exits and result keys of every node."""

# ruff: noqa: E501 - one parameter a line, as the specification has them
from __future__ import annotations

import json
import re
from typing import Any, Final, NamedTuple

import msgspec

from domain.node import Parameter

_TYPES: Final[dict[str, tuple[str, ...]]] = {
    "any": (),
    "bool": ("boolean",),
    "conditions": ("array",),
    "duration": ("number", "string"),
    "int": ("integer",),
    "list": ("array",),
    "null": ("null",),
    "number": ("number",),
    "object": ("object",),
    "path": ("string",),
    "schema": ("object", "boolean"),
    "text": ("string",),
}
_ENTRY: Final = re.compile(r"(?P<name>\w+)(?P<required>!?)(?: \((?P<aliases>[\w, ]+)\))?: (?P<form>.+)")


class Entry(NamedTuple):
    """A node of the catalogue. `edges` None: it does not list them."""

    parameters: dict[str, Parameter]
    edges: tuple[str, ...] | None
    exits: tuple[str, ...]
    state: tuple[str, ...] | None
    effect: str


def node(
    parameters: str = "", *, edges: str | None = "", exits: str = "", state: str | None = "", effect: str = "none"
) -> Entry:
    """An entry in the notation of the specification: `name! (alias): type or a|b = default`, one parameter a line.

    `state` None: the keys depend on the parameters.
    """
    lines = [line.strip() for line in parameters.strip().splitlines()]
    return Entry(
        parameters=dict(_parameter(line) for line in lines if line),
        edges=None if edges is None else tuple(edges.split()),
        exits=tuple(exits.split()),
        state=None if state is None else tuple(state.split()),
        effect=effect,
    )


def _parameter(line: str) -> tuple[str, Parameter]:
    written, _, default = line.partition(" = ")
    found = _ENTRY.fullmatch(written)
    assert found is not None, line
    form = found["form"]
    types: tuple[Any, ...] = ()
    choices: tuple[str, ...] = ()
    if "|" in form:
        types, choices = ("string",), tuple(form.split("|"))
    else:
        types = tuple(kind for part in form.split(" or ") for kind in _TYPES[part])
    parameter = Parameter(
        types=types,
        required=bool(found["required"]),
        default=_value(default) if default else msgspec.UNSET,
        enum=choices,
        aliases=tuple((found["aliases"] or "").split(", ")) if found["aliases"] else (),
    )
    return found["name"], parameter


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


_POSITION: Final = "loop {} done complete"
_EACH: Final = node(
    """
    items!: list
    as (itemKey): text = currentItem
    indexAs (indexKey): text = currentIndex
    """,
    edges=_POSITION.format("current-item"),
    state="currentItem currentIndex",
)
_MAIL: Final = node(
    """
    to!: text or list
    cc: text or list
    bcc: text or list
    subject: text
    body: any
    html: text
    replyTo: text or list
    """,
    edges="success config_error",
    state="lastEmailSent",
    effect="writes",
)

_CHILD: Final = node(
    """
    workflowId!: text
    version: text = latest
    definition: object
    initialState: object = {}
    timeout: duration
    """,
    edges="success",
    state="runWorkflowResult runWorkflowExecutionId runWorkflowFinalState",
)

CORE: Final[dict[str, Entry]] = {
    "log": node(
        """
        message: any
        level: debug|info|warn|error = info
        """,
        edges="success",
        state="lastLoggedMessage",
    ),
    "empty": node(edges="nothing"),
    "logic": node(
        """
        operation!: and|or|not|equal|notEqual|greater|less|greaterOrEqual|lessOrEqual|in|contains|not_equal|greater_equal|greater_or_equal|less_equal|less_or_equal|==|!=|>|<|>=|<=
        values!: list
        """,
        edges="true false",
        state="logicResult",
    ),
    "math": node(
        """
        operation!: add|subtract|multiply|divide|modulo|power|min|max|average
        values!: list
        """,
        edges="success",
        state="mathResult",
    ),
    "switch": node(
        """
        mode: rules|expression = rules
        item: any
        rules: list
        expression: any
        fallbackOutput: text = default
        """,
        edges=None,
        state="switchResult selectedEdge matchedRule",
    ),
    "filter": node(
        """
        items: list
        conditions!: list
        matchMode: all|any = all
        """,
        edges="passed filtered",
        exits="filtered",
        state="filterPassed filterFiltered filterStats",
    ),
    "sort": node(
        """
        items: list
        type: simple|random = simple
        fieldsToSortBy: list
        disableDotNotation: bool = false
        """,
        edges="success",
        state="sortedItems",
    ),
    "limit": node(
        """
        items: list
        maxItems!: int
        keepFrom: beginning|end = beginning
        """,
        edges="success all_items",
        state="limitedItems limitCount limitOriginalCount",
    ),
    "removeDuplicates": node(
        """
        items: list
        operation: current_input|previous_executions|clear_history = current_input
        compareMode: all_fields|all_except|selected_fields = all_fields
        fieldsToCompare: list
        fieldsToExclude: list
        removeOtherFields: bool = false
        disableDotNotation: bool = false
        scope: node|workflow = node
        historySize: int = 1000
        """,
        edges="kept discarded cleared",
        exits="discarded",
        state="keptItems discardedItems deduplicationSummary",
        effect="by operation",
    ),
    "summarize": node(
        """
        items: list
        fieldsToSummarize!: list
        fieldsToSplitBy: list = []
        outputFormat: separate_items|single_item = separate_items
        skipMissingFields: bool = false
        disableDotNotation: bool = false
        """,
        edges="success",
        state=None,
    ),
    "aggregate": node(
        """
        items: list
        mode: all_data|individual_fields = all_data
        outputField: text = data
        fields: list
        keepMissingValues: bool = false
        operations: list
        """,
        edges="success empty",
        exits="empty",
        state="aggregatedData itemCount",
    ),
    "splitOut": node(
        """
        arrayPath: path
        items (sourceField): list or null
        as (fieldName): text = item
        keepParentData: bool = true
        data: object
        """,
        edges="success empty",
        exits="empty",
        state="splitOutResult splitOutCount",
    ),
    "editFields": node(
        """
        mode: manual_mapping|json_output = manual_mapping
        fieldsToSet: list
        jsonOutput: object or text
        includeOtherFields: bool = true
        supportDotNotation: bool = true
        ignoreTypeErrors: bool = false
        """,
        edges="success",
        state=None,
    ),
    "validateData": node(
        """
        validationType: json|json_schema|type_check|required_fields|range|pattern|custom = required_fields
        data: any
        requiredFields: list
        typeChecks: list
        rangeValidations: list
        patternValidations: list
        schema: schema
        customValidator: any
        stopOnError: bool = false
        outputErrors: bool = true
        """,
        edges="valid invalid",
        exits="valid",
        state="validationResult validationErrors parsedJson",
    ),
    "transform": node(
        """
        operation!: stringify|parse|uppercase|lowercase|trim|length|reverse
        data!: any
        """,
        edges="success",
        state="transformResult",
    ),
    "jsonExtract": node(
        """
        path! (extractionPath): path
        data (sourceField): any
        method: dot_notation|bracket_notation|simple_path
        multiple: bool = false
        fallbackValue: any
        outputField: path = extractedValue
        """,
        edges="success not_found",
        exits="not_found",
    ),
    "stringOperations": node(
        """
        operation!: trim|uppercase|lowercase|capitalize|titleCase|stripHTML|slugify|replace|replaceAll|replaceRegex|split|substring|slice|concat|pad
        field: path
        value: any
        outputField: path
        searchValue (pattern): any
        replaceValue (replacement): any = ""
        flags: text = g
        separator: any
        start: int
        end: int
        values: list
        length: int
        padChar: text = " "
        side: left|right|both = right
        """,
        edges="success",
        state="stringOperationResult",
    ),
    "extractText": node(
        """
        method!: regex|between|extractAll|extractSpecific
        field: path
        text: any
        extractType: email|url|phone|custom = custom
        pattern: text
        flags: text = g
        startDelimiter: text
        endDelimiter: text
        occurrence: int = 0
        outputField: path = extractedText
        """,
        edges="success not_found",
        exits="not_found",
        state="extractedText",
    ),
    "dateTime": node(
        """
        operation!: now|format|parse|to_iso|add|subtract|round|extract|convert_timezone|diff|compare|is_valid
        field: path
        value: any
        outputField: path = dateTimeResult
        inputFormat: text
        outputFormat: text
        amount: number
        unit: years|months|weeks|days|hours|minutes|seconds|milliseconds
        roundTo: start_of_day|start_of_week|start_of_month|start_of_year|end_of_day|end_of_week|end_of_month|end_of_year
        weekStart: monday|tuesday|wednesday|thursday|friday|saturday|sunday = sunday
        extract: year|month|day|hour|minute|second|millisecond|dayOfWeek|dayOfYear|weekOfYear|quarter|timestamp
        compareWith: text or number
        compareOperation: is_before|is_after|is_same|is_between = is_before
        startDate: text or number
        endDate: text or number
        diffUnit: years|months|weeks|days|hours|minutes|seconds|milliseconds = days
        signed: bool = false
        timezone: text = UTC
        fromTimezone: text
        toTimezone: text
        onError: stop|skip|use_default = stop
        defaultValue: any
        """,
        edges="success is_before is_not_before is_after is_not_after is_same is_not_same is_between is_not_between is_valid is_invalid",
        state="dateTimeResult dateTimeExtracted dateTimeCompared dateTimeValid",
    ),
    "transformObject": node(
        """
        operation!: flatten|unflatten|pick|omit|renameKeys
        data: object
        separator: text = .
        depth: int
        keys: list
        renameMap: object
        recursive: bool = false
        """,
        edges="success",
        state="transformedObject",
    ),
    "objectUtilities": node(
        """
        operation!: keys|values|entries|has_field|is_empty|merge|deep_merge|clone|deep_clone|get_nested|set_nested|delete_nested
        field!: path
        outputField: path
        path: path
        value: any
        mergeWith: path or object
        overwrite: bool = true
        """,
        edges="success not_found",
        exits="not_found",
        state="objectUtilResult",
    ),
    "arrayUtilities": node(
        """
        operation: chunk|compact|difference|intersection|union|unique|reverse|shuffle|flatten|first|last|sample = unique
        field: path
        items: list
        data: object
        outputField: path
        chunkSize: int = 10
        compareArray: path or list
        uniqueBy: path
        depth: int
        sampleSize: int = 1
        count: int = 1
        """,
        edges="success empty",
        exits="empty",
        state="arrayUtilResult",
    ),
    "mathOperations": node(
        """
        operation!: sqrt|round|ceil|floor|abs|add|subtract|multiply|divide|power|modulo|min|max|sum|average
        mode: single_field|multiple_fields|aggregate = multiple_fields
        field1: path
        field2: path
        value: number or text
        fields: list
        outputField: path = result
        precision: int
        """,
        edges="success",
        state="mathOperationsResult",
    ),
    "calculateField": node(
        """
        calculations!: list
        onError: stop|skip|use_default = stop
        defaultValue: any = null
        """,
        edges="success",
        state=None,
    ),
    "compareDatasets": node(
        """
        mode!: append|keep_matches|keep_non_matches|remove_matches|enrich|choose_branch
        input1!: list
        input2!: list
        matchFields: list
        input1Fields: list = []
        input2Fields: list = []
        resolveConflicts: prefer_input1|prefer_input2|merge_arrays = prefer_input1
        selectedBranch: input1|input2
        """,
        edges="success no_matches",
        exits="no_matches",
        state="compareResult compareMetadata",
    ),
}

ITERATORS: Final[dict[str, Entry]] = {
    "each": _EACH,
    "every-array-item": _EACH,
    "range": node(
        """
        start: number = 0
        stop!: number
        step: number = 1
        as (valueKey): text = rangeValue
        indexAs (indexKey): text = rangeIndex
        """,
        edges=_POSITION.format("current_step"),
        state="rangeValue rangeIndex",
    ),
    "while": node(
        """
        condition!: any
        iterationKey: text = whileIteration
        maxIterations: int
        """,
        edges=_POSITION.format("do"),
        state="whileIteration",
    ),
    "batch": node(
        """
        items!: list
        size: int = 10
        as: text = currentBatch
        indexAs: text = currentBatchIndex
        """,
        edges="loop done complete",
        state="currentBatch currentBatchIndex",
    ),
}

INPUT_AND_OUTPUT: Final[dict[str, Entry]] = {
    "fetchApi": node(
        """
        url!: text
        method: GET|POST|PUT|PATCH|DELETE|HEAD|OPTIONS = GET
        headers: object = {}
        query: object = {}
        body: any
        timeout: duration = 30000
        responseType: json|text|base64|blob|arrayBuffer = json
        """,
        edges="success clientError serverError",
        state="fetchResponse fetchStatus fetchHeaders apiResponse apiStatus apiHeaders",
        effect="writes",
    ),
    "filesystem": node(
        """
        operation!: read|write|append|exists|delete|mkdir|list
        path!: text
        content: any
        encoding: utf-8|base64 = utf-8
        """,
        edges="success exists not_exists",
        exits="not_exists",
        state="fileContent fileWritten fileExists fileDeleted dirCreated fileList",
        effect="by operation",
    ),
    "database": node(
        """
        operation!: find|findMany|list|count|insert|createMany|update|upsert|delete
        table!: text
        query: object
        where: conditions
        data: object or list
        orderBy: text or object or list
        limit: int
        offset: int = 0
        """,
        edges="found not_found success",
        exits="not_found",
        state="dbRecord dbRecords dbInserted dbUpdated dbDeleted",
        effect="by operation",
    ),
    "auth": node(
        """
        operation!: hash|verify|generate_token|sign|verify_signature
        data: text or object
        secret (verifySecret): text
        """,
        edges="success valid invalid",
        state="hashedPassword authValid authToken signature signatureValid",
        effect="reads",
    ),
    "resource-read": node(
        """
        path: text
        resourceId: text
        responseType: text|json|binary = text
        """,
        edges="success not_found",
        exits="not_found",
        state="resourceContent resourceMetadata",
        effect="reads",
    ),
    "resource-write": node(
        """
        mode: create|update|upsert = upsert
        path: text
        resourceId: text
        content!: any
        name: text
        type: prompt|document|data|image|audio
        description: text
        tags: list
        isPublic: bool
        """,
        edges="created updated",
        state="writtenResource writtenResourceId",
        effect="writes",
    ),
    "resource-interpolate": node(
        """
        path (template): text
        resourceId: text
        state (data): object
        includeAllState: bool = true
        """,
        edges="success not_found",
        exits="not_found",
        state="interpolatedContent interpolationStats",
        effect="reads",
    ),
    "resource-list": node(
        """
        type: prompt|document|data|image|audio
        tags: list
        search: text
        authorType: text
        limit: int = 50
        offset: int = 0
        sortBy: name|createdAt|size|updatedAt = createdAt
        """,
        edges="success empty",
        exits="empty",
        state="resourceList resourceCount",
        effect="reads",
    ),
    "ask-ai": node(
        """
        userPrompt! (prompt): text
        model: text
        systemPrompt: text
        messages: list
        tools: list
        toolChoice: text
        temperature: number
        maxTokens: int
        responseFormat: text|json = text
        schema: object
        stream: bool = false
        baseUrl: text
        timeout: duration
        """,
        edges="success tool_calls",
        state="aiResponse aiResponseData",
        effect="writes",
    ),
    "sendEmail": _MAIL,
    "send-email": _MAIL,
    "runWorkflow": _CHILD,
    "run-workflow": _CHILD,
}

CONTROL: Final[dict[str, Entry]] = {
    "parallel": node(
        """
        mode: text or int = all
        onError: fail|collect = fail
        """,
        edges="joined",
    ),
    "snapshot": node("name!: text", edges="success"),
    "wait": node(
        """
        for: duration
        until: text or number
        """,
        edges="done",
    ),
    "signal": node(
        """
        name!: text
        schema: schema
        timeout: duration
        """,
        edges="received timeout",
        exits="timeout",
    ),
    "approval": node(
        """
        title!: text
        description: text
        choices: list = ["approve", "reject"]
        assignees: list = []
        schema: schema
        timeout: duration
        """,
        edges=None,
        exits="timeout",
    ),
    "fail": node(
        """
        message!: text
        code: text = FAILED
        type: validation|configuration|state|runtime|system = runtime
        details: any
        recoverable: bool = false
        """,
    ),
    "end": node("result: any", state="result"),
}

CATALOGUE: Final = {**CORE, **ITERATORS, **INPUT_AND_OUTPUT, **CONTROL}
