"""The contract between Clew and the code that a step runs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal

import msgspec

from domain.errors import ErrorInfo, StepFailure

if TYPE_CHECKING:
    from domain.context import ExecutionContext

Effect = Literal["none", "reads", "writes"]
JsonType = Literal["string", "number", "integer", "boolean", "object", "array", "null", "any"]
Reuse = Literal["instance", "singleton", "pool"]


class Parameter(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """One parameter of a node: checked at validation when it is a literal, else just before the node runs.

    `types` are the JSON types it may have (none: any), `enum` its known values (another literal is a warning at
    validation, an `INVALID_PARAMETER` error at run time), `aliases` further names it is accepted under.
    """

    types: tuple[JsonType, ...] = ()
    required: bool = False
    default: Any = msgspec.UNSET
    enum: tuple[Any, ...] = ()
    aliases: tuple[str, ...] = ()
    description: str = ""
    lenient: bool = False
    """A missing reference in it is null with a warning instead of an error."""
    fill_bare: bool = False
    """A bare `$.path` inside its text is filled in as `{{$.path}}` would be."""
    instead: tuple[str, ...] = ()
    """Parameters one of which may stand in its place where it is required."""
    definition: bool = False
    """A workflow definition: as an object it is taken as it is written, and checked with the workflow around it."""
    secrets: bool = False
    """`{"$secret": "name"}`, also inside it, stands for a secret of the server, which the node gets and nobody sees."""
    late: bool = False
    """Resolved after the others, against the state with the node's `overlay` laid over it (`while`)."""


_NO_PARAMETER: Final = Parameter()


class EdgeInfo(msgspec.Struct, frozen=True, omit_defaults=True):
    """What there is to know of an edge: when the node takes it, and the fields of its data.

    A field that is not always there ends in `?`. Data that has no fields of its own is told of in `when`.
    """

    when: str = ""
    data: tuple[str, ...] = ()


class NodeMetadata(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """What a node says about itself.

    `inputs` names what `context.inputs` offers; `outputs` the state keys it writes (None: it doesn't say). `edges` are
    the edges it can take (None: any), `exit_edges` those that leave a `name...` loop beside the four that always do.
    `effect` is `none` (a function of its parameters, inputs, state and `context.now()`), `reads` (looks outside) or
    `writes`; `effects` are those of operations that differ. `parameters` None means that any are taken unchecked. `gone`
    are names accepted with a warning. `example` shows it in use: `workflow`, and `initialState` where that needs one, as
    in a definition. `edge_info`, `output_info` and `notes` are for people: about the edges, about the state keys, and what
    else is to be known. A name in `<…>` there stands for those that a parameter gives.
    """

    id: str
    name: str
    version: str
    description: str = ""
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] | None = None
    edges: tuple[str, ...] | None = None
    exit_edges: tuple[str, ...] = ()
    effect: Effect = "writes"
    effects: Mapping[str, Effect] = {}
    parameters: Mapping[str, Parameter] | None = None
    gone: tuple[str, ...] = ()
    reuse: Reuse = "instance"
    keeps_input: bool = False
    """`input` of the steps after it is what it was before it (`log`)."""
    iterates: bool = False
    """Meant to be used as a loop (`each...`): without one it gets the warning NOT_A_LOOP. Writes no `<step>_output`."""
    resolved_at: Literal["visit", "entry"] = "visit"
    """`entry`: as a loop, its parameters are resolved once, when the loop is entered, and kept in its frame."""
    branches: bool = False
    """Each routed edge that is not in `edges` is a branch (`parallel`). Answers with a `Fork`."""
    concurrent: bool = False
    """Takes `$concurrency`: as a loop its passes may then run beside one another. Answers with a `Fork`."""
    lenient: bool = False
    """A missing reference in any of its parameters is null with a warning instead of an error."""
    spends: bool = False
    """Spends what `settings.budget` bounds: once that is used up, the node is not run (`BUDGET_EXCEEDED`)."""
    extra: Parameter | None = None
    """What a parameter that `parameters` does not name must be; None: it is an error."""
    example: Mapping[str, Any] | None = None
    edge_info: Mapping[str, EdgeInfo] = {}
    output_info: Mapping[str, str] = {}
    notes: tuple[str, ...] = ()

    def effect_of(self, config: Mapping[str, Any]) -> Effect:
        """What a visit with these parameters can do to the world: by its `operation`, where that tells."""
        default = (self.parameters or {}).get("operation", _NO_PARAMETER).default
        operation = config.get("operation", default)
        return self.effects.get(operation if isinstance(operation, str) else "", self.effect)


class Edge(msgspec.Struct, frozen=True):
    """The edge that a node takes, and the data that goes along it (JSON; None: no data)."""

    name: str
    data: Any = None


class Pass(msgspec.Struct, frozen=True, kw_only=True):
    """An iterator's answer: one more pass over the body.

    `bind` are the position keys it shows in the state during the pass; the engine puts back what they held at entry on
    every way out of the loop. `bounded` says that the number of passes is known, so that `$maxIterations` is not asked.
    """

    edge: str = "loop"
    data: Any = None
    bind: Mapping[str, Any] = {}
    bounded: bool = True


class Park(msgspec.Struct, frozen=True, kw_only=True):
    """A control node's answer: wait, without a thread or a task, for a due time or a signal.

    `due` (microseconds since the epoch) is when a timer fires or a signal's timeout ends; `schema` is the JSON Schema of
    the payload, `choices` the answers of an approval; `about` is shown to people.
    """

    kind: Literal["timer", "signal", "approval"]
    name: str = ""
    due: int | None = None
    schema: Any = None
    choices: tuple[str, ...] = ()
    about: Mapping[str, Any] = {}


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """A control node's answer: run a child execution, and park until it has ended.

    It runs the `definition`, else the published `workflow` in a `version` (a text such as 1.0.0, or `latest`). `state` is
    laid over the child's own initial state, key by key. At `due` (microseconds) it is cancelled, which is an error.
    """

    workflow: str = ""
    version: str = "latest"
    definition: Mapping[str, Any] | None = None
    state: Mapping[str, Any] = {}
    due: int | None = None


class Fork(msgspec.Struct, frozen=True, kw_only=True):
    """A control node's answer: open branches, and wait until they have come together.

    Without `items` each routed branch is one; with them there is a pass along `edge` for each, at most `$concurrency` at
    a time. `wanted` branches must end well (0: all); `collect` lets the others go on when one fails.
    """

    wanted: int = 0
    collect: bool = False
    items: list[Any] | msgspec.UnsetType = msgspec.UNSET
    edge: str = "loop"


class Mark(msgspec.Struct, frozen=True):
    """A control node's answer: give this version a name, then take `success`."""

    name: str


class End(msgspec.Struct, frozen=True):
    """A control node's answer: complete the execution, first storing `result` under the state key of that name."""

    result: Any = msgspec.UNSET


EdgeMap = Mapping[str, Callable[["ExecutionContext"], Any]]
Answer = Edge | Pass | Park | Call | Fork | Mark | End | EdgeMap | None


class WorkflowNode(ABC):
    """A kind of step. Subclass it, describe it in `metadata`, do its work in `execute`.

    `execute` may be `async`, or plain: then it runs in a thread. It reads and writes `context.state`, and says where to
    go on: `Edge("name", data)`, an edge map as in the original design, or None for no edge. What it raises becomes the
    step's error. `inline` nodes are plain, quick and never wait: they run on the engine's own thread. A node that never
    changes the parameters it is given says so with `keeps_config`, and is spared the copy.
    """

    metadata: ClassVar[NodeMetadata]
    inline: ClassVar[bool] = False
    keeps_config: ClassVar[bool] = False

    @abstractmethod
    def execute(self, context: ExecutionContext, config: dict[str, Any]) -> Answer | Awaitable[Answer]:
        """Do the work of one visit. `config` holds the resolved parameters under their canonical names."""

    def effect(self, config: Mapping[str, Any]) -> Effect:
        """What a visit with these resolved parameters can do to the world."""
        return self.metadata.effect_of(config)

    def invalid(self, context: ExecutionContext, config: Mapping[str, Any], error: ErrorInfo) -> Answer:
        """The answer of a visit whose resolved parameters have types that the node can't take."""
        del context, config
        raise StepFailure(error)

    def overlay(self, config: Mapping[str, Any], index: int) -> Mapping[str, Any]:
        """State keys that late parameters see, in pass `index`, before anything is recorded."""
        del config, index
        return {}

    def doubts(
        self, literals: Mapping[str, Any], *, given: frozenset[str], routed: frozenset[str]
    ) -> Iterable[tuple[str, str]]:
        """(key, sentence) of what will not work, as far as it shows before the node runs; validation warns of it.

        `literals` are the parameters that hold no reference, `given` all there are, `routed` the edges that are routed;
        a key is a parameter's or an edge's with its `?`.
        """
        del literals, given, routed
        return ()

    def state_keys(self, config: Mapping[str, Any]) -> frozenset[str] | None:
        """The top-level state keys a step with these literal parameters may write, or None when that can't be said."""
        del config
        return None if self.metadata.outputs is None else frozenset(self.metadata.outputs)


class NodeCatalog(ABC):
    """The nodes that a definition may name, as the compiler needs to know them."""

    @abstractmethod
    def find(self, node_id: str) -> WorkflowNode | None:
        """A specimen of the node, for its metadata; None when there is none of that id."""

    @abstractmethod
    def names(self) -> frozenset[str]:
        """The ids of all registered nodes."""

    def secret_names(self) -> frozenset[str] | None:
        """The names of the secrets that the nodes will be given; None: that is not known here."""
        return None
