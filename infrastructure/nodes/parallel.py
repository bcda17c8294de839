"""`parallel`: steps beside one another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from domain.node import Answer, Fork, NodeMetadata, Parameter
from infrastructure.nodes.base import LIBRARY_VERSION, LibraryNode, example, invalid, notes, shown, taken

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from domain.context import ExecutionContext

_OWN_EDGES: Final = ("joined",)


class Parallel(LibraryNode):
    """Opens a branch for each routed edge, and waits until they have come together."""

    metadata = NodeMetadata(
        id="parallel",
        name="Parallel",
        version=LIBRARY_VERSION,
        description="Runs each routed edge as a branch, all at once, then goes on along joined.",
        example=example(
            {
                "parallel": {
                    "prices?": [{"$.price": 20}],
                    "stock?": [{"$.left": 4}],
                    "joined?": [{"log": {"message": "{{$.left}} left at {{$.price}}"}}],
                }
            }
        ),
        outputs=(),
        edges=_OWN_EDGES,
        effect="none",
        edge_info={
            "<branch>": taken("all of them, at once; a branch begins with the input of this step"),
            "joined": taken("they have come together", "results errors cancelled"),
        },
        notes=notes(
            """
            `results` and `errors` are by branch; `cancelled` is a list of branches. With onError
            `collect` the other branches go on after an error; when `any`, or a number, can't be reached
            any more, that is BRANCH_FAILED.
            """
        ),
        parameters={
            "mode": Parameter(
                types=("string", "integer"),
                default="all",
                description="all, any, or how many branches must end well; the others are then cancelled.",
            ),
            "onError": Parameter(
                types=("string",),
                default="fail",
                enum=("fail", "collect"),
                description="fail: an error of one branch is the step's, and the others are cancelled.",
            ),
        },
        branches=True,
    )

    def run(self, context: ExecutionContext, config: dict[str, Any]) -> Answer:
        """Open the branches."""
        count = len(_branches(context.step.routed))
        return Fork(wanted=_wanted(config["mode"], count), collect=config["onError"] == "collect")

    def doubts(
        self, literals: Mapping[str, Any], *, given: frozenset[str], routed: frozenset[str]
    ) -> Iterator[tuple[str, str]]:
        """No branches, and more of them wanted than there are."""
        count = len(_branches(routed))
        if not count:
            yield "", "parallel has no branches: each routed edge but joined and error is one."
        mode = literals.get("mode", "all")
        if isinstance(mode, str) and mode not in ("all", "any"):
            yield "mode", f"mode is all, any or a number, not {mode!r}."
        if isinstance(mode, int) and not isinstance(mode, bool) and not 1 <= mode <= count:
            yield "mode", f"mode asks for {mode} branches; there are {count}."


def _branches(routed: frozenset[str]) -> frozenset[str]:
    return routed - {*_OWN_EDGES, "error"}


def _wanted(mode: Any, count: int) -> int:
    """How many branches must end well; 0: all."""
    if mode == "all" or not count:
        return 0
    if mode == "any":
        return 1
    if isinstance(mode, int) and not isinstance(mode, bool) and 1 <= mode <= count:
        return mode
    raise invalid(f"mode can't be {shown(mode)}", parameter="mode", allowed=("all", "any", f"1 to {count}"))
