"""LANGUAGE, sentence by sentence, with the tests of each: where to look when a rule is asked for or changed.

Branches (7), children and snapshots (8) and published versions (1) have tables of their own beside their tests.
"""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
RULES = "domain/test_language_rules"
STEPS = "domain/test_language_steps"
LOOPS = "domain/test_language_loops"
ERRORS = "domain/test_language_errors"
PARKING = "domain/test_language_parking"
TOLD = "domain/test_language_validation"
CASES = "domain/test_language_cases"
COMPILER = "domain/test_compiler"
ROUTING = "domain/test_routing"
DECIDE = "domain/test_decide"
VALUES = "domain/test_values"
EXPRESSIONS = "domain/test_expressions"
NODES = "application/test_running_nodes"
RETRIES = "application/test_retries"
CRASHES = "application/test_recoveries"
PARKED = "application/test_parked"

DOCUMENT = {
    "id, name, version and workflow are required": f"{COMPILER}::top_level_keys_that_are_required",
    "id, name, version, workflow, initialState and settings have their form": f"{COMPILER}::top_level_values_that_can_not_be",
    "initialState is taken literally": f"{RULES}::initial_state_is_taken_literally",
    "description and $schema are kept, not interpreted": f"{STEPS}::what_is_not_interpreted_is_kept",
    "settings are defaults for the run": f"{COMPILER}::settings_are_defaults_that_a_step_may_overrule",
    "other top-level keys are accepted with a warning": f"{COMPILER}::unknown_top_level_keys_are_kept_with_a_warning",
    "the schema is published as draft-07": "test_schema::it_is_a_draft_07_schema",
    "a duplicate key anywhere is an error": "domain/test_document::repeated_keys_are_found_wherever_they_are",
}
STEP = {
    "a string is that node with no configuration": f"{STEPS}::a_string_is_that_node_with_no_configuration",
    "an object has at least one key; its keys are step keys": f"{COMPILER}::errors_by_code_and_place",
    "several keys are several steps in document order": f"{RULES}::several_keys_are_several_steps_in_document_order",
    "with a warning, but in a route": f"{COMPILER}::warnings_by_code_and_place",
    "$node names the type, and is a literal": f"{RULES}::node_option_names_the_type_and_the_key_only_the_step",
    "a setter stores any JSON value; null and missing parents are made": f"{RULES}::a_setter_stores_its_value_at_its_path",
    "through what has no such place is a state error": (
        f"{RULES}::a_setter_through_what_has_no_such_place_is_a_state_error"
    ),
    "a setter has no name": f"{STEPS}::a_setter_has_no_name",
    "a key that ends in ? outside a configuration is an error": f"{COMPILER}::errors_by_code_and_place",
    "addresses are pointers into the source": f"{COMPILER}::addresses_are_pointers_into_the_source",
    "addresses, not names, are its identity": f"{CASES}::case_21_two_steps_of_one_name_have_two_addresses",
    "a visit is walk, address and pass": f"{STEPS}::a_visit_is_one_walk_address_and_pass",
    "the walk counts retries after an end": "domain/test_evolve::a_retry_is_a_new_walk",
    "an unknown option is an error with the nearest known": f"{COMPILER}::the_nearest_valid_name_is_suggested",
    "everything else is a parameter": f"{STEPS}::everything_that_is_no_edge_and_no_option_is_a_parameter",
    "null included": f"{STEPS}::null_is_a_value",
    "? keys deep inside are plain data": f"{RULES}::question_marks_deep_inside_a_parameter_are_plain_data",
}
VALUE = {
    "values are told apart in this order": f"{VALUES}::values_are_told_apart_in_this_order",
    "an undefined piece of a template is empty, with a warning": (
        f"{VALUES}::an_undefined_piece_of_a_template_is_the_empty_text_with_a_warning"
    ),
    "missing is UNDEFINED_REFERENCE, never a silent null": f"{VALUES}::what_is_missing_is_undefined_reference",
    "what does not compile is INVALID_EXPRESSION": f"{VALUES}::what_does_not_compile_is_an_error_that_says_what_to_write",
    "a $.path in a text gets a warning": f"{VALUES}::dollar_in_text_is_a_warning_that_names_what_was_meant",
    "$.error means error in an error route": f"{VALUES}::error_in_an_error_route",
    "comparison is that of NODES": f"{EXPRESSIONS}::comparison_is_that_of_nodes",
    "what may meet something undefined": f"{EXPRESSIONS}::what_may_meet_something_undefined",
    "$ is the state": f"{EXPRESSIONS}::dollar_is_the_whole_state",
    "input is the data of the node that ran last": f"{RULES}::input_is_the_data_of_the_node_that_ran_last",
    "output.<step> is a step's last edge data": f"{RULES}::output_of_a_step_that_has_not_run_is_an_undefined_reference",
    "steps of one name share it": f"{RULES}::steps_of_one_name_share_their_output",
    "loop is the frame of the innermost loop": f"{LOOPS}::loop_is_the_frame_of_the_innermost_loop_whose_body_it_is",
    "in a loop step's own parameters: the enclosing loop's": (
        f"{RULES}::loop_root_is_the_innermost_body_and_outside_any_undefined"
    ),
    "execution has id, workflow and version": f"{RULES}::execution_root_names_id_workflow_and_version",
    "resolved just before the node runs": f"{ERRORS}::each_attempt_sees_the_state_and_its_parameters_anew",
    "bounded in steps, length and size": f"{EXPRESSIONS}::hostile_expressions_end_early",
    "no attribute of a host object": f"{EXPRESSIONS}::no_method_of_a_host_object_can_be_reached",
}
NODE = {
    "one instance per visit": "nodes/test_registry::a_new_instance_for_every_visit",
    "or a singleton": "nodes/test_registry::a_singleton_is_made_once",
    "or a pool of 10": "nodes/test_registry::a_pool_reuses_at_most_ten",
    "execute is async, or plain and in a thread": f"{NODES}::where_a_node_runs",
    "the first of an edge map that gives something": f"{NODES}::the_first_entry_of_an_edge_map_that_gives_something_is_taken",
    "None or an empty map: no edge": f"{NODES}::no_edge_goes_on",
    "a writes node starts when its start is durable": f"{NODES}::a_node_with_effects_starts_only_after_its_start_is_durable",
    "writes, deletes and nested mutation are one StateUpdated": f"{STEPS}::all_that_a_node_changes_is_one_state_updated",
    "context.state is a mapping": f"{STEPS}::the_state_of_a_node_is_a_mapping",
    "inputs: the configuration, else the edge data, else the state": (
        f"{STEPS}::inputs_come_from_the_parameters_else_the_edge_data_else_the_state"
    ),
    "context says id, step, visit, attempt, routed, secrets": f"{NODES}::what_a_node_sees_of_its_visit",
    "the idempotency key is stable over retries": f"{RETRIES}::a_retry_is_one_visit_that_succeeds_in_the_end",
    "and over crashes": "application/test_faults::a_node_too_slow_for_a_stop_is_recovered_at_the_next_start",
    "now() is the visit's": f"{STEPS}::now_is_the_time_of_the_visit",
    "heartbeat() begins the timeout anew": f"{NODES}::a_heartbeat_begins_the_time_of_a_node_anew",
    "writes of a node that raises are dropped": (
        f"{RULES}::writes_of_a_node_that_raises_are_dropped_and_of_one_that_returns_an_error_kept"
    ),
    "metadata.lenient makes what is missing null": f"{STEPS}::a_lenient_node_takes_null_for_what_is_missing",
    "log, and the values of logic, are lenient": f"{STEPS}::log_and_the_values_of_logic_are_lenient",
    "data that is not None is kept": f"{STEPS}::every_data_but_none_is_kept",
    "as <step>_output, or as $output says": f"{RULES}::output_option_says_where_edge_data_is_kept",
    "an absent route goes on; an absent error route fails": (
        f"{RULES}::an_unrouted_error_fails_with_one_end_of_the_visit_and_keeps_the_state"
    ),
    "{…} is a block; {} and [] run nothing": f"{RULES}::an_empty_block_runs_nothing_and_goes_on",
    "a string in […] runs that node": f"{RULES}::a_string_in_a_list_runs_the_node_even_if_a_step_has_that_name",
    "a name is searched from the inside": (
        f"{RULES}::a_named_route_jumps_to_the_first_block_from_the_inside_that_has_it"
    ),
    "two of that name: a compile error; no such name: the nearest": f"{STEPS}::a_route_that_leads_nowhere_is_a_compile_error",
    "two of a name further out do not matter": f"{STEPS}::two_of_a_name_further_out_do_not_matter",
    "a registered node is run once": f"{ROUTING}::the_nodes_that_routes_run_are_steps_of_their_own",
    "both: a jump, with JUMP_NOT_RUN": f"{COMPILER}::warnings_by_code_and_place",
    "null ends the block, or leaves the loop": f"{RULES}::null_ends_the_block_that_the_step_stands_in",
    "$end, $fail, $break, $continue": f"{RULES}::directives",
    "$fail fails with the error that is bound": f"{RULES}::fail_uses_the_error_that_is_bound",
    "else FAILED naming step and edge": f"{RULES}::fail_without_an_error_names_step_and_edge",
    "outside any loop they are compile errors": f"{COMPILER}::errors_by_code_and_place",
    "the continuation is fixed when compiled": f"{STEPS}::a_continuation_is_fixed_when_it_is_compiled",
    "where every edge and continuation leads": f"{ROUTING}::where_edges_and_continuations_lead",
}
ERROR = {
    "every error is one thing, wherever it is seen": f"{ERRORS}::an_error_is_the_same_object_wherever_it_is_seen",
    "type, code and recoverable of what goes wrong": (
        f"{ERRORS}::what_goes_wrong_has_a_type_and_says_whether_trying_again_may_help"
    ),
    "types of the engine's own": f"{ERRORS}::the_types_of_the_engines_own_errors",
    "severity": f"{RULES}::severity_is_critical_for_what_nothing_can_help_with",
    "a returned error": f"{RULES}::the_shape_of_a_returned_error",
    "an error object has these fields alone": f"{ERRORS}::error_objects_have_no_more_fields_than_these",
    "a raised exception": f"{RULES}::the_shape_of_a_raised_error",
    "retry: attempts, delay, backoff, maxDelay": f"{RETRIES}::the_delays_of_a_policy",
    "jitter": f"{RETRIES}::jitter_takes_away_a_part_that_is_the_same_in_a_replay",
    "$retry replaces settings.retry as a whole": f"{RETRIES}::a_steps_own_policy_replaces_the_workflows_as_a_whole",
    "what is not recoverable, or nonRetryable, is not retried": f"{RETRIES}::what_is_not_retried",
    "only the last attempt's writes are kept": f"{ERRORS}::only_the_last_attempts_writes_are_kept",
    "then the route": f"{RETRIES}::the_error_route_comes_after_the_retries",
    "then the execution fails, keeping its state": f"{ERRORS}::an_execution_that_fails_keeps_its_state_and_says_where",
    "where error is bound": f"{RULES}::where_error_is_bound",
    "and in the one node that a route runs": f"{RULES}::error_is_bound_in_the_one_node_that_a_route_runs",
    "STEP_LIMIT and STATE_LIMIT are never retried or routed": f"{ERRORS}::limits_are_never_retried_or_routed",
    "retries survive a restart": f"{RETRIES}::a_retry_survives_a_restart",
    "of a real process": "crash/test_killed_nodes::an_attempt_that_is_due_while_no_server_runs_begins_after_the_start",
    "exhausted: pause": f"{RETRIES}::exhausted_attempts_pause_for_a_person",
    "it comes after the route": f"{ERRORS}::exhausted_pause_comes_after_the_route",
    "and is no crash": f"{CRASHES}::attempts_that_are_used_up_are_no_crash",
    "a breaker opens, fails fast": "application/test_breakers::it_opens_after_failures_in_a_row_and_fails_fast",
    "and half-opens": "application/test_breakers::one_probe_decides_when_the_time_is_over",
    "visible in GET /nodes": "http/test_breaker_view::the_breaker_of_a_node_over_its_life",
    "$onCrash": f"{CRASHES}::on_crash_is_asked_once_for_each_crash",
    "CRASH_LOOP after three recoveries": f"{CRASHES}::a_visit_survives_three_crashes_and_is_given_up_at_the_fourth",
    "of a real process too": "crash/test_killed_nodes::a_visit_that_kills_its_server_is_recovered_three_times",
    "a crash is none of $retry's attempts": f"{CRASHES}::a_crash_is_none_of_the_attempts_of_a_policy",
}
LOOP = {
    "name..., or a loop? route": f"{RULES}::which_edges_run_a_body_and_which_leave",
    "a node of one's own, in both forms": f"{LOOPS}::a_node_of_ones_own_is_a_loop_in_both_forms",
    "exits are error, done, complete, false, and exit_edges": f"{LOOPS}::exits_are_what_the_node_says_besides_the_four",
    "a routed exit runs once and leaves": f"{LOOPS}::an_exit_runs_once_and_leaves_whatever_it_does",
    "an unrouted error fails": f"{RULES}::an_unrouted_error_of_a_loop_step_fails_the_execution",
    "each entry is a frame": f"{RULES}::every_entry_into_a_loop_is_a_frame_of_its_own",
    "a jump leaves every frame it goes out of": f"{RULES}::position_keys_are_put_back_on_every_way_out",
    "a jump to a loop step enters it anew": f"{LOOPS}::a_loop_that_is_jumped_into_from_outside_begins_anew",
    "each, range and batch are resolved once, at entry": (
        f"{LOOPS}::what_an_iterator_goes_over_is_resolved_once_at_entry"
    ),
    "while resolves its condition each time": f"{RULES}::while_resolves_its_condition_each_time",
    "$break and $continue mean the innermost loop": f"{LOOPS}::break_and_continue_mean_the_innermost_loop",
    "pass number limit + 1 is LOOP_LIMIT, which error? can catch": f"{RULES}::pass_number_limit_plus_one_is_loop_limit",
    "counted for each entry": f"{LOOPS}::the_limit_counts_the_passes_of_one_entry",
    "each, range and batch are bounded by their count": f"{LOOPS}::an_iterator_is_bounded_by_its_count_alone",
    "maxSteps counts every visit": f"{RULES}::max_steps_counts_every_visit_and_is_never_routed",
    "NOT_A_LOOP": f"{LOOPS}::iterators_outside_a_loop_get_a_warning",
    "progress shows": "application/test_loop_failures::how_far_a_loop_is_shows_while_it_runs",
    "a retry goes on in the pass that failed": (
        "application/test_loop_failures::a_loop_that_fails_at_its_seventh_pass_goes_on_there"
    ),
}
PARK = {
    "no thread, no task": f"{PARKED}::thousands_parked_are_no_task_and_no_thread",
    "survives restarts": f"{PARKED}::timers_fire_once_never_early_and_in_order",
    "the payload is the edge data": f"{PARKING}::the_payload_is_the_edge_data",
    "up to 100 early signals": f"{PARKING}::the_hundred_and_first_early_signal_of_a_name_is_refused",
    "oldest first": f"{PARKING}::early_signals_are_taken_oldest_first_by_the_waits_of_their_name",
    "one that breaks the schema is dropped": f"{PARKING}::an_early_signal_that_breaks_the_schema_is_dropped_with_a_warning",
    "to the oldest wait of its name": f"{PARKING}::a_signal_goes_to_the_oldest_wait_of_its_name",
    "or the one named": f"{PARKING}::or_to_the_one_that_is_addressed",
    "in a pause too": f"{PARKING}::signals_in_a_pause_are_for_the_waits_they_would_have_ended",
    "between timeout and signal the first wins": f"{PARKING}::between_timeout_and_signal_the_first_in_the_log_wins",
    "a payload that breaks the schema is its sender's": (
        f"{PARKING}::a_payload_that_breaks_the_schema_of_a_wait_in_progress_is_its_senders_error"
    ),
    "an unknown choice too": f"{DECIDE}::an_answer_that_an_approval_can_not_take",
}
BEING_TOLD = {
    "validation runs nothing, and reports every problem at once": (
        f"{TOLD}::every_problem_is_reported_at_once_with_its_place"
    ),
    "errors": f"{COMPILER}::errors_by_code_and_place",
    "warnings": f"{COMPILER}::warnings_by_code_and_place",
    "unreachable steps": f"{COMPILER}::which_steps_nothing_leads_to",
    "not JSON": f"{TOLD}::not_json_is_not_a_definition",
    "values that hold a reference are checked when resolved": (
        f"{TOLD}::values_that_are_known_only_when_they_are_resolved_are_not_checked"
    ),
    "limits of a definition": f"{TOLD}::limits_of_a_definition_are_inclusive",
    "past it, a refusal with the code": f"{TOLD}::past_a_limit_of_the_definition_is_a_refusal_with_its_code",
    "limits of a run": f"{TOLD}::limits_of_a_run_are_inclusive",
    "their defaults": f"{TOLD}::the_defaults_of_the_limits",
    "a workflow may lower them": f"{TOLD}::a_workflow_may_lower_a_limit_and_not_raise_it",
    "the node timeout": f"{RULES}::node_timeout_is_recoverable_and_routed",
}
CASE = {
    "1 to 27": f"{CASES}::nodes_run_in_the_order_that_the_case_says",
    "22": f"{CASES}::case_22_a_route_to_nothing_is_a_compile_error_with_line_and_column",
    "23": "crash/test_language_boundaries::killed_between_any_two_events_a_case_ends_the_same",
    "23 with real kills": "crash/test_language_kills::killed_right_after_a_commit_a_case_ends_the_same",
    "all of them by a second implementation": "reference/test_against_reference::both_do_what_the_case_says",
}
SECTIONS = {
    "1": DOCUMENT, "2": STEP, "3": VALUE, "4": NODE, "5": ERROR, "6": LOOP, "8": PARK, "9": BEING_TOLD, "10": CASE
}  # fmt: skip


@cache
def names_in(module: str) -> frozenset[str]:
    """The names of a module's tests, without their beginning."""
    tree = ast.parse((TESTS / f"{module}.py").read_text(encoding="utf-8"))
    functions = [each for each in tree.body if isinstance(each, ast.FunctionDef)]
    return frozenset(each.name.removeprefix("test_") for each in functions if each.name.startswith("test_"))


@pytest.mark.parametrize(
    ("rule", "test"),
    [(f"{section} {rule}", test) for section, rules in SECTIONS.items() for rule, test in rules.items()],
    ids=lambda value: value if value[0].isdigit() else "",
)
def test_every_rule_has_the_test_that_is_said_to_be_its(rule: str, test: str) -> None:
    """A test that is renamed or taken away takes its rule's line here along."""
    module, _, name = test.partition("::")
    assert name in names_in(module), rule
