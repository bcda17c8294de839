"""The language as one reads it: blocks within blocks, run by recursion, with nothing to persist and nothing to resume."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

import msgspec

from domain.errors import StepFailure
from domain.scope import Scope
from tests.reference import branches, nodes
from tests.reference.errors import Raised, error_object, returned_error
from tests.reference.nodes import Does, Ends, Frame, Taken
from tests.reference.outline import Block, Jump, Step, outline
from tests.reference.parking import Post
from tests.reference.trying import Policy
from tests.reference.ways import Binding, Failed, Jumped, Left, Stopped, Way


@dataclass
class Reference:
    """One run of a valid definition: `visits` are (address, edge or None) in order; `seen` the scripted nodes' parameters.

    `mail` is sent, one by one, when a wait without a due time has parked; `again` is how often a person tries again what
    has failed, or resumes what has paused.
    """

    definition: dict[str, Any]
    script: Mapping[str, Sequence[Does]]
    mail: Sequence[tuple[str, Any]] = ()
    again: int = 0
    status: str = "running"
    error: Any = None
    visits: list[tuple[str, str | None]] = field(default_factory=list)
    seen: list[tuple[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        settings = self.definition.get("settings", {})
        self.max_steps = settings.get("maxSteps", 100_000)
        self.max_iterations = settings.get("maxIterations", 1_000)
        self.state: dict[str, Any] = deepcopy(self.definition.get("initialState", {}))
        self.input: Any = None
        self.output: dict[str, Any] = {}
        self.frames: list[Frame] = []
        self.answered = False
        self.dealing = 0
        self.counted = 0
        self.left = {name: list(acts) for name, acts in self.script.items()}
        self.post = Post(list(self.mail))

    def run(self) -> Reference:
        """Run it to its end."""
        try:
            self.block(outline(self.definition), 0, Binding())
            self.status = "completed"
        except Ends:
            self.status = "completed"
        except Failed as failed:
            self.status, self.error = "failed", failed.error
        except Stopped as stopped:
            self.status, self.error = stopped.status, stopped.error
        return self

    def block(self, block: Block, at: int, binding: Binding) -> Left:
        """Run a block from its step `at`; a jump to one of its steps goes on here."""
        while at < len(block.steps):
            left = self.step(block.steps[at], binding)
            if isinstance(left, Jumped) and left.target.block is block:
                at = left.target.at
                if left.error is not None:
                    binding.bind()
                    binding.jumped = left.error
            elif left is Way.NEXT:
                at += 1
            else:
                return left
        return Way.NEXT

    def step(self, step: Step, binding: Binding) -> Left:
        """Run one step, and what its edge leads to; again, as often as a person wants what failed there to be tried."""
        if step.node == "parallel" or step.together:
            return branches.run(self, step, binding)
        if step.loop:
            return self.loop(step, binding)
        while True:
            given = self.input
            try:
                return self.once(step, binding)
            except Failed as failed:
                self.try_again(failed, given)

    def try_again(self, failed: Failed, given: Any) -> None:
        """A person retries what failed: a new walk, from the step that failed (the innermost), given what it was given."""
        if not self.again:
            raise failed
        self.again -= 1
        self.counted, self.input = 0, given

    def once(self, step: Step, binding: Binding) -> Left:
        """Run a step that is no loop."""
        if step.setter is not None:
            self.set(step, binding)
            return Way.NEXT
        edge, data = self.visit(step, binding, None)
        return self.follow(step, edge, data, binding)

    def follow(self, step: Step, edge: str | None, data: Any, binding: Binding) -> Left:
        """Take a route that is not a body's."""
        if edge is None or edge not in step.routes:
            return Way.NEXT
        error = data if edge == "error" else None
        route = step.routes[edge]
        if isinstance(route, Jump) or (isinstance(route, Block) and route.steps):
            self.input = deepcopy(data)  # what the first step of a route gets, of a `log`'s too
            self.answered = True
        match route:
            case Block() as block:
                if error is not None and block.steps:
                    binding.bind()
                left = self.block(block, 0, Binding(binding, routed=error))
                return Way.NEXT if left is Way.ENDED else left
            case Jump(target):
                return Jumped(target, error)
            case "$end":
                raise Ends
            case "$fail":
                bound = error or binding.error or error_object("FAILED", f"{step.name} took {edge}")
                raise Failed(bound, final=True)
            case "$break":
                return Way.BROKE
            case "$continue":
                return Way.CONTINUED
            case None:
                return Way.ENDED

    def loop(self, step: Step, binding: Binding) -> Left:
        """Enter a loop; completing the execution inside it leaves it too. Failing does not, the state is kept, unless a
        step around deals with the error.
        """
        frame = Frame()
        try:
            return self.passes(step, binding, frame)
        except Ends:
            frame.restore(self.state)
            raise
        except Failed as failed:
            if self.dealing and not failed.final:
                frame.restore(self.state)
            raise

    def passes(self, step: Step, binding: Binding, frame: Frame) -> Left:
        """Run the passes of a loop."""
        while True:
            given = self.input
            try:
                left = self.one_pass(step, binding, frame)
            except Failed as failed:
                self.try_again(failed, given)
                frame.forget()
                continue
            if left is not None:
                return left

    def one_pass(self, step: Step, binding: Binding, frame: Frame) -> Left | None:
        """Visit the loop step, and run what its edge leads to. None: it goes round."""
        edge, data = self.visit(step, binding, frame)
        route = step.routes.get(edge) if edge is not None else None
        body = step.runs_body(edge) and isinstance(route, Block)
        if not body and route not in ("$continue", "$fail"):
            frame.restore(self.state)
        if body:
            assert isinstance(route, Block)
            frame.entered = True
            self.frames.append(frame)
            left = self.block(route, 0, Binding(binding))
            self.frames.pop()
        else:
            left = self.follow(step, edge, data, binding)
            if left is not Way.CONTINUED or route != "$continue":
                own = route is None or route == "$break"
                return Way.NEXT if own else left
            frame.entered = True
        if left in (Way.NEXT, Way.CONTINUED):
            frame.index += 1
            return None
        frame.restore(self.state)
        return left if isinstance(left, Jumped) else Way.NEXT

    def visit(self, step: Step, binding: Binding, frame: Frame | None) -> Taken:
        """One visit: the edge it takes with its data, an error included; Failed when an error is not routed."""
        self.count()
        before = deepcopy(self.state)
        try:
            edge, data = self.attempts(step, binding, frame)
        except Ends:
            self.visits.append((step.address, None))
            raise
        beyond = frame is not None and self.beyond(step, edge, frame)
        if beyond:
            self.state, edge, data = before, "error", error_object("LOOP_LIMIT", "too many passes")
        self.visits.append((step.address, edge))
        caught = "error" in step.routes and not (beyond and step.routes["error"] == "$continue")
        if edge == "error" and not caught:
            raise Failed(data)
        self.keep(step, data)
        return edge, data

    def attempts(self, step: Step, binding: Binding, frame: Frame | None) -> Taken:
        """The last attempt of a visit: one that fails leaves nothing behind if there is another."""
        policy = Policy.of(step, self.definition)
        tries = 0
        while True:
            before = deepcopy(self.state)
            edge, data = self.attempt(step, binding, frame)
            tries += 1
            if edge != "error" or not policy.helps(data) or (tries >= policy.most and not policy.pauses):
                return edge, data
            if tries >= policy.most and "error" in step.routes:
                return edge, data
            self.state = before
            if tries >= policy.most:
                if not self.again:
                    raise Stopped("paused", data)
                self.again -= 1

    def attempt(self, step: Step, binding: Binding, frame: Frame | None) -> Taken:
        """The edge that the node takes; `error` with the error object, whether it returned it or raised."""
        before = deepcopy(self.state)
        try:
            edge, data = self.act(step, binding, frame)
        except (StepFailure, Raised) as raised:
            if not (isinstance(raised, Raised) and raised.keeps and step.node not in nodes.ITERATORS):
                self.state = before
            return "error", raised.error if isinstance(raised, Raised) else raised.error.as_json()
        return edge, returned_error(step.name, data) if edge == "error" else data

    def keep(self, step: Step, data: Any) -> None:
        """Edge data is the next `input`, and kept as output."""
        if step.node != "log":
            self.input = deepcopy(data)
            self.answered = True
        if data is None:
            return
        self.output[step.name] = deepcopy(data)
        key = step.options.get("$output", f"{step.name}_output".replace("-", "_"))
        if key is not False and step.node not in nodes.ITERATORS:
            self.state[key] = deepcopy(data)

    def beyond(self, step: Step, edge: str | None, frame: Frame) -> bool:
        """Whether this edge begins pass number limit + 1; the passes of a loop that knows its count are exempt."""
        body = step.runs_body(edge)
        route = None if edge is None else step.routes.get(edge)
        begins = route == "$continue" or (body and isinstance(route, Block))
        exempt = body and step.node in nodes.POSITION
        return begins and not exempt and frame.index >= step.options.get("$maxIterations", self.max_iterations)

    def act(self, step: Step, binding: Binding, frame: Frame | None) -> tuple[str | None, Any]:
        """What the node does."""
        if step.node in nodes.ITERATORS:
            assert frame is not None
            return self.iterate(step, binding, frame)
        config = self.resolved(step, binding)
        if step.node in nodes.PARKING:
            return nodes.PARKING[step.node](step.name, config, step.routes.keys(), self.post)
        if step.node in nodes.LIBRARY:
            return nodes.LIBRARY[step.node](config, self.state, self.input)
        self.seen.append((step.name, config))
        acts = self.left.get(step.name)
        return nodes.scripted(acts.pop(0) if acts else Does(), self.state)

    def iterate(self, step: Step, binding: Binding, frame: Frame) -> tuple[str, Any]:
        """One visit of an iterator."""
        original = nodes.ITERATORS[step.node]
        going = original if original in step.routes else "loop"
        over = "complete" if "complete" in step.routes else "done"
        if step.node == "while":
            frame.remember("whileIteration", self.state)
            before, index = deepcopy(self.state), frame.index
            self.state["whileIteration"] = index
            if nodes.holds(self.resolved(step, binding)["condition"]):
                if step.routes.get(str(going)) == "$fail":
                    self.state = before
                return str(going), {"index": index, "isFirst": index == 0}
            self.state = before  # a test that ends the loop shows its index to the condition alone
            return over, {"count": index}
        if frame.kept is None:
            frame.kept = deepcopy(self.resolved(step, binding))
            for at, key in enumerate(("as", "indexAs")):
                frame.remember(frame.kept.get(key, nodes.POSITION[step.node][at]), self.state)
        before = deepcopy(self.state)
        data = nodes.counted_pass(step.node, frame, self.state)
        if step.routes.get(str(going)) == "$fail":
            self.state = before  # no body runs, so that nothing is bound for it
        if data is None:
            return over, {"count": len(nodes.values_of(step.node, frame.kept))}
        return str(going), data

    def set(self, step: Step, binding: Binding) -> None:
        """A setter: it has no routes, so that its errors are the execution's."""
        self.count()
        before = deepcopy(self.state)
        assert step.value is not None and step.setter is not None
        try:
            nodes.store(self.state, step.setter, deepcopy(step.value.resolve(self.scope(binding), [])))
        except StepFailure as failure:
            self.visits.append((step.address, "error"))
            raise Failed(failure.error.as_json()) from failure
        except nodes.NotStorable as error:
            self.state = before
            self.visits.append((step.address, "error"))
            raise Failed(error_object("STATE_PATH", str(error), type="state")) from error
        self.visits.append((step.address, None))

    def count(self) -> None:
        """Every visit counts, setters too."""
        if self.counted == self.max_steps:
            raise Failed(error_object("STEP_LIMIT", "too many steps"))
        self.counted += 1

    def resolved(self, step: Step, binding: Binding) -> dict[str, Any]:
        """A step's parameters, resolved now."""
        scope = self.scope(binding)
        return {name: deepcopy(value.resolve(scope, [])) for name, value in step.parameters.items()}

    def scope(self, binding: Binding) -> Scope:
        """The roots of LANGUAGE section 3."""
        error = binding.error
        return Scope(
            state=deepcopy(self.state),
            input=self.input,
            output=self.output,
            error=msgspec.UNSET if error is None else error,
            loop=self.frames[-1].root if self.frames else msgspec.UNSET,
        )
