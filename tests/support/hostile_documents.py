"""Documents of a mebibyte made to hurt whoever reads, compiles, locates or answers them; the suite and the bench use them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any, Final

MEBIBYTE: Final = 1_048_576

HEAD: Final = '{"id": "hostile", "name": "Hostile", "version": "1.0.0", '


def filled(start: str, unit: str, end: str) -> bytes:
    """`unit` as often as a mebibyte has room for, between a start and an end."""
    return (start + unit * ((MEBIBYTE - len(start.encode()) - len(end.encode())) // len(unit.encode())) + end).encode()


def numbered(start: str, unit: str, end: str) -> bytes:
    """The same with `#` in the unit standing for another number each time: names that differ."""
    left, pieces, number = MEBIBYTE - len(start) - len(end), [start], 0
    while True:
        piece = unit.replace("#", str(number))
        left -= len(piece)
        if left < 0:
            return ("".join(pieces) + end).encode()
        pieces.append(piece)
        number += 1


def workflow(*steps: Any, **more: Any) -> bytes:
    """A definition with these steps."""
    return json.dumps(
        {"id": "hostile", "name": "Hostile", "version": "1.0.0", "workflow": list(steps), **more}, separators=(",", ":")
    ).encode()


def steps(unit: str, end: str = '"empty"]}') -> bytes:
    """A definition whose list of steps is full of one thing, which ends in a comma."""
    return numbered(HEAD + '"workflow": [', unit, end)


def of_each(count: int, make: Callable[[int], Any], **more: Any) -> bytes:
    """A definition of so many steps."""
    return workflow(*(make(number) for number in range(count)), **more)


def nested(depth: int, inside: Any, name: str = "empty", edge: str = "x?") -> Any:
    """Steps inside blocks inside one another around some steps."""
    found = inside
    for _ in range(depth):
        found = [{name: {edge: found}}]
    return found


def _texts() -> Iterator[tuple[str, bytes]]:
    """What is refused as JSON."""
    yield "brackets", filled("", "[", "")
    yield "brackets that close", filled("", "[]", "")
    yield "pairs of brackets, deep at the end", filled("[", "[],", "[" * 200)
    yield "objects, deep at the end", filled("[", '{"a":1},', "[" * 200)
    yield "a text that never ends", filled('"', "a", "")
    yield "one giant text", filled('"', "a", '"')
    yield "escapes, one wrong", filled('"', r"\n", r'\x"')
    yield "escapes, half a pair", filled('"', r"\n", r'\udc00"')
    yield "pairs of surrogates", filled('["', r"\ud83d\ude00", r'\udc00"]')
    yield "quotes in texts", filled('["', r"\"", '", 1e999]')
    yield "texts, a float too large", filled("[", '"",', "1e999]")
    yield "numbers, one too large", filled("[", "0,", "1e999]")
    yield "numbers like the one too large", filled("[", "99999999999999999990.5,", "99999999999999999999]")
    yield "a number of a million digits", filled("", "9", "")
    yield "a fraction of a million digits", filled("[0.", "9", "]")
    yield "an exponent of a million digits", filled("[1e", "9", "]")
    yield "signs", filled("", "-", "")
    yield "backslashes", filled("", "\\", "")
    yield "quotes", filled("", '"', "")
    yield "lines", filled("", "\n", "x")
    yield "blanks", filled("", " ", "")
    yield "wide characters, one byte wrong at the end", filled('["', "\u20ac", '"]')[:-3] + b"\xff"
    yield "one key again and again", filled("{", '"a":1,', '"a":1}')
    yield "many keys, each twice", numbered("{", '"#":1,"#":1,', '"a":1}')
    yield "long keys, each twice", numbered("{", '"' + "k" * 500 + '#":1,"' + "k" * 500 + '#":1,', '"a":1}')
    yield "a repeated key behind empty lists", filled("[", "[],", '{"x":1,"x":2}]')
    yield "repeated keys below a giant one", filled('{"' + "k" * 500_000 + '":{', '"a":0,', '"a":0}}')
    yield "repeated keys on lines of their own", filled("{", '\n"a":1,', '"a":1}')


def _values() -> Iterator[tuple[str, bytes]]:
    """Documents that are JSON, but no workflow; and workflows with much in them that nothing looks at."""
    yield "a list of numbers", filled("[", "0,", "0]")
    yield "a list of empty lists", filled("[", "[],", "0]")
    yield "a list of empty objects", filled("[", "{},", "0]")
    end = '"workflow": ["empty"]}'
    yield "a huge initial state of numbers", filled(HEAD + '"initialState": {"a": [', "0,", "0]}," + end)
    yield "a huge initial state of floats", filled(HEAD + '"initialState": {"a": [', "0.5,", "0]}," + end)
    yield "a huge initial state of empty lists", filled(HEAD + '"initialState": {"a": [', "[],", "0]}," + end)
    yield "a huge initial state of lists in lists", filled(HEAD + '"initialState": {"a": [', "[[[]]],", "0]}," + end)
    yield "a huge initial state of small objects", filled(HEAD + '"initialState": {"a": [', '{"":0},', "0]}," + end)
    yield "a huge initial state of texts", filled(HEAD + '"initialState": {"a": [', '"",', "0]}," + end)
    yield "a huge initial state of keys", numbered(HEAD + '"initialState": {', '"k#":0,', '"z": 0},' + end)
    yield "a giant text in the initial state", filled(HEAD + '"initialState": {"a": "', "a", '"},' + end)
    yield "escapes in the initial state", filled(HEAD + '"initialState": {"a": "', "\\u00e9", '"},' + end)
    yield "a giant key in the initial state", filled(HEAD + '"initialState": {"', "a", '": 0},' + end)
    yield "giant keys inside one another", _below_giant_keys(end)
    yield "a giant description", filled(HEAD + '"description": [', '{"a":[]},', "0]," + end)


def _below_giant_keys(end: str) -> bytes:
    start = HEAD + '"initialState":' + ('{"' + "k" * 9_000 + '":') * 60 + "["
    return filled(start, "[],", "0]" + "}" * 60 + "," + end)


def _shapes() -> Iterator[tuple[str, bytes]]:
    """Workflows of the wrong shape, with a problem at every corner."""
    end = '"workflow": ["empty"]}'
    yield "unknown keys of the workflow", numbered(HEAD, '"work#flow":0,', end)
    yield "unknown short keys of the workflow", numbered(HEAD, '"#":0,', end)
    yield "a giant unknown key of the workflow", filled(HEAD + '"', "a", '": 0,' + end)
    yield "long unknown keys of the workflow", numbered(HEAD, '"' + "initialState" * 80 + '#":0,', end)
    yield "unknown settings", numbered(HEAD + '"settings": {', '"maxStep#":0,', '"timeout": 5},' + end)
    yield "a giant id", filled('{"id": "', "a", '", "name": "x", "version": "1.0.0", ' + end)
    yield "a giant id of dots", filled('{"id": "', ".", '", "name": "x", "version": "1.0.0", ' + end)
    yield "a giant version", filled('{"id": "a", "name": "x", "version": "', "1.1", '", ' + end)
    yield "a giant timeout", filled(HEAD + '"settings": {"timeout": "', "1", 's"},' + end)
    yield "a giant number of steps", filled(HEAD + '"settings": {"maxSteps": "', "1", '"},' + end)
    yield "steps that are numbers", filled(HEAD + '"workflow": [', "0,", "0]}")
    yield "steps that are empty objects", filled(HEAD + '"workflow": [', "{},", "0]}")
    yield "steps that are texts of nothing", filled(HEAD + '"workflow": [', '"",', "0]}")
    yield "steps by name", steps('"empty",')
    yield "steps of unknown nodes", steps('"emptyy#",')
    yield "steps of unknown nodes in objects", steps('{"emptyy#":{}},')
    yield "a thousand unknown nodes", of_each(1_000, lambda n: {"n" * 980 + str(n): {}})
    yield "one object of many steps", numbered(HEAD + '"workflow": [{', '"log#":{"$node":"log"},', '"empty": {}}]}')
    yield "one object of many setters", numbered(HEAD + '"workflow": [{', '"$.a#":0,', '"empty": {}}]}')
    yield "one object of bad setters", numbered(HEAD + '"workflow": [{', '"$.a.#":0,', '"empty": {}}]}')
    yield "one object of bad keys", numbered(HEAD + '"workflow": [{', '"a b#":0,', '"empty": {}}]}')
    yield "edges outside of nodes", numbered(HEAD + '"workflow": [{', '"x#?":0,', '"empty": {}}]}')
    yield "a giant setter", filled(HEAD + '"workflow": [{"$', ".a", '": 0}]}')
    yield "a giant name of a step", filled(HEAD + '"workflow": [{"', "a", '": {}}]}')
    yield (
        "a giant name, steps below",
        filled(HEAD + '"workflow": [{"empty": {"' + "a" * 500_000 + '?": [', '"empty",', '"empty"]}}]}'),
    )
    yield (
        "a giant name, bad steps below",
        filled(HEAD + '"workflow": [{"empty": {"' + "a" * 500_000 + '?": [', "0,", "0]}}]}"),
    )
    yield "giant names inside one another", workflow(*nested(30, ["empty"] * 900, edge="e" * 30_000 + "?"))
    yield (
        "a giant name, paths below",
        filled(HEAD + '"workflow": [{"log": {"' + "a" * 500_000 + '": [', '"$.a",', "0]}}]}"),
    )
    yield (
        "a giant name, bare paths below",
        filled(HEAD + '"workflow": [{"log": {"' + "a" * 500_000 + '": [', '"a $.a",', "0]}}]}"),
    )
    yield "many blocks inside one another", of_each(15, lambda n: nested(28, ["empty"] * 30)[0])
    yield "unknown options", numbered(HEAD + '"workflow": [{"empty": {', '"$nod#":0,', '"$node": "empty"}}]}')
    yield "unknown options of many steps", of_each(1_000, lambda n: {"empty": {f"$maxIterat{k}": 1 for k in range(50)}})
    yield "unknown parameters", numbered(HEAD + '"workflow": [{"fetchApi": {', '"url#":0,', '"url": "x"}}]}')
    yield (
        "long unknown parameters",
        numbered(HEAD + '"workflow": [{"fetchApi": {', '"' + "responseType" * 80 + '#":0,', '"url": "x"}}]}'),
    )
    yield (
        "unknown parameters of many steps",
        of_each(1_000, lambda n: {"dateTime": {f"timezone{k}x": 1 for k in range(50)}}),
    )
    yield (
        "unknown values of parameters",
        of_each(1_000, lambda n: {"dateTime": {"operation": "convert_timezoned" + "e" * 900}}),
    )
    yield "giant wrong values of parameters", filled(HEAD + '"workflow": [{"dateTime": {"operation": "', "a", '"}}]}')
    yield "giant wrong types of parameters", filled(HEAD + '"workflow": [{"dateTime": {"operation": [', "0,", "0]}}]}")
    yield (
        "unknown edges",
        numbered(HEAD + '"workflow": [{"fetchApi": {"url": "x",', '"success#?":"$end",', '"error?": null}}]}'),
    )
    yield "routes to nothing", numbered(HEAD + '"workflow": [{"switch": {', '"e#?":"emptyy#",', '"error?": null}}]}')
    yield "routes to no directive", numbered(HEAD + '"workflow": [{"switch": {', '"e#?":"$en#",', '"error?": null}}]}')
    yield "routes of wrong type", numbered(HEAD + '"workflow": [{"switch": {', '"e#?":5,', '"error?": null}}]}')
    yield "routes to nodes", numbered(HEAD + '"workflow": [{"switch": {', '"e#?":"empty",', '"error?": null}}]}')
    yield (
        "routes of many steps to nothing",
        of_each(1_000, lambda n: {f"step-{n}": {"$node": "switch", **{f"e{k}?": f"stop-{n}-{k}" for k in range(40)}}}),
    )
    yield (
        "routes of many steps to one another",
        of_each(1_000, lambda n: {f"step-{n}": {"$node": "switch", **{f"e{k}?": f"step-{k * 20}" for k in range(45)}}}),
    )
    yield "routes of many steps to one of many", of_each(1_000, lambda n: {"log": {f"e{k}?": "log" for k in range(60)}})
    yield "locks of many branches", of_each(490, _locking)
    yield (
        "locks below branches with locks",
        workflow(*nested(15, [_locking(number) for number in range(480)], name="parallel")),
    )
    far_away = [{f"s{n}": {"$node": "empty", **{f"e{k}?": f"far-{k}" for k in range(60)}}} for n in range(150)]
    yield (
        "names far outside of a branch",
        workflow(*({f"far-{n}": {"$node": "empty"}} for n in range(400)), {"parallel": {"b?": far_away}}),
    )
    yield (
        "routes searched outward",
        workflow(
            *({f"far-{n}": {"$node": "empty"}} for n in range(300)),
            *nested(
                28,
                [
                    {f"near-{n}": {"$node": "switch", **{f"e{k}?": f"far-{k % 300}" for k in range(90)}}}
                    for n in range(500)
                ],
            ),
        ),
    )
    yield (
        "routes to nothing searched outward",
        workflow(
            *({f"far-{n}": {"$node": "empty"}} for n in range(400)),
            *nested(
                28,
                [
                    {f"near-{n}": {"$node": "switch", **{f"e{k}?": f"fair-{n}-{k}" for k in range(60)}}}
                    for n in range(500)
                ],
            ),
        ),
    )


def _locking(number: int) -> Any:
    inner = [{"empty": {"$locks": ["$.b"]}}]
    return {f"p{number}": {"$node": "parallel", "$locks": [f"$.a{number}"], "b?": inner}}


def _expressions() -> Iterator[tuple[str, bytes]]:
    """Workflows whose texts are hard to compile."""
    yield "long expressions", of_each(1_000, lambda n: {"$.a": f"$.a{n}" + " + 1" * 90 + " " * 500})
    yield "long expressions of references", of_each(1_000, lambda n: {"$.a": f"$.a{n} in [" + "$.b," * 220 + "0]"})
    yield "long lists in expressions", of_each(1_000, lambda n: {"$.a": "$.a in [" + "1," * 450 + f"{n}]"})
    yield "long texts in expressions", of_each(1_000, lambda n: {"$.a": f"$.a{n} == '" + "x" * 980 + "'"})
    yield "the longest expressions", of_each(125, lambda n: {"$.a": "$.a in [" + "1," * 4_080 + f"{n}]"})
    yield "the longest expressions of references", of_each(125, lambda n: {"$.a": "$.a in [" + "$," * 4_080 + f"{n}]"})
    yield "filters in a row", of_each(1_000, lambda n: {"$.a": f"$.a{n}" + "|abs" * 95})
    yield "one giant expression", filled(HEAD + '"workflow": [{"$.a": "$.a', "+ 1 ", '"}]}')
    yield "one giant path", filled(HEAD + '"workflow": [{"$.a": "$', ".a", '"}]}')
    yield "one giant template", filled(HEAD + '"workflow": [{"$.a": "', "{{ $.a }}", '"}]}')
    yield "opening brackets", filled(HEAD + '"workflow": [{"$.a": "', "{{", '"}]}')
    yield "opening and closing brackets", filled(HEAD + '"workflow": [{"$.a": "', "{{}}", '"}]}')
    yield "quotes in a template", filled(HEAD + '"workflow": [{"$.a": "{{', "'", '"}]}')
    yield "texts with opening brackets", filled(HEAD + '"workflow": [{"log": {"message": [', '"{{",', "0]}}]}")
    yield "texts with templates", numbered(HEAD + '"workflow": [{"log": {"message": [', '"{{$.a#}}",', "0]}}]}")
    yield "templates of many steps", of_each(1_000, lambda n: {"$.a": "{{ $.a }} " * 95 + str(n)})
    yield (
        "different templates of many steps",
        of_each(1_000, lambda n: {"$.a": "".join(f"{{{{$.a{n}x{k}}}}}" for k in range(70))}),
    )
    yield "never closed templates of many steps", of_each(1_000, lambda n: {"$.a": "{{ [" * 240})
    yield "deep parentheses", of_each(1_000, lambda n: {"$.a": "$.a + " + "(" * 480 + str(n) + ")" * 480})
    yield (
        "parentheses as deep as may be",
        of_each(1_000, lambda n: {"$.a": "$.a" + (" + " + "(" * 60 + str(n) + ")" * 60) * 7}),
    )
    yield "signs and words", of_each(1_000, lambda n: {"$.a": "$.a == " + "not " * 60 + "- " * 60 + str(n)})
    yield "words that are not known", of_each(1_000, lambda n: {"$.a": f"$.a | {'uppper' * 150}{n}"})
    yield "roots that are not known", of_each(1_000, lambda n: {"$.a": f"$.a + inputt{n}" + " " * 900})
    yield "numbers that are too large", of_each(1_000, lambda n: {"$.a": "$.a + 1" + "0" * 900 + str(n)})
    yield "floats that are too large", of_each(1_000, lambda n: {"$.a": "$.a + 1" + "0" * 900 + f".{n}"})
    yield "texts with a bare path", filled(HEAD + '"workflow": [{"log": {"x": [', '"a $.a",', "0]}}]}")
    yield "a text of bare paths", filled(HEAD + '"workflow": [{"$.a": "a', " $.a", '"}]}')
    yield "a message of bare paths", filled(HEAD + '"workflow": [{"log": {"message": "a', " $.a", '"}}]}')
    yield "bare paths of many steps", of_each(1_000, lambda n: {"log": {"message": "at " + "$.a " * 230 + str(n)}})
    yield "bare paths with quotes", of_each(1_000, lambda n: {"log": {"x": "at " + "$['" * 300 + str(n)}})
    yield "dollars", filled(HEAD + '"workflow": [{"$.a": "a', "$", '"}]}')
    yield "texts that are dollars", filled(HEAD + '"workflow": [{"log": {"x": [', '"$",', "0]}}]}")
    yield "reads of what nothing writes", of_each(1_000, lambda n: {"$.a": [f"$.bcd{n}x{k}" for k in range(70)]})
    yield (
        "reads beside a huge initial state",
        workflow(
            *({"$.a": [f"$.key{n}x{k}" for k in range(10)]} for n in range(900)),
            initialState={f"key-{number}": 0 for number in range(60_000)},
        ),
    )
    yield "references", filled(HEAD + '"workflow": [{"log": {"x": [', '"$.a",', "0]}}]}")
    yield "different references", numbered(HEAD + '"workflow": [{"log": {"x": [', '"$.a#",', "0]}}]}")
    yield "constants in a parameter", filled(HEAD + '"workflow": [{"log": {"x": [', "0,", "0]}}]}")
    yield "empty lists in a parameter", filled(HEAD + '"workflow": [{"log": {"x": [', "[],", "0]}}]}")
    yield "objects in a parameter", filled(HEAD + '"workflow": [{"log": {"x": [', '{"":0},', "0]}}]}")
    yield "extra parameters", numbered(HEAD + '"workflow": [{"log": {', '"x#":0,', '"y": 0}}]}')
    yield "extra parameters with bare paths", numbered(HEAD + '"workflow": [{"log": {', '"x#":"a $.b",', '"y": 0}}]}')
    yield "extra parameters with references", numbered(HEAD + '"workflow": [{"log": {', '"x#":"$.b#",', '"y": 0}}]}')
    yield (
        "extra parameters that do not compile",
        numbered(HEAD + '"workflow": [{"log": {', '"x#":"$.b +",', '"y": 0}}]}'),
    )
    yield "comments", numbered(HEAD + '"workflow": [{"empty": {', '"_#":[],', '"_y": 0}}]}')


def _parameters() -> Iterator[tuple[str, bytes]]:
    """Workflows whose parameters are looked at when they are literals."""
    cases = (
        ("a giant duration", "wait", '"for": "', "1", '"'),
        ("a giant ISO duration", "wait", '"for": "P', "1D", '"'),
        ("a giant time", "wait", '"until": "', "2026-", '"'),
        ("many choices", "approval", '"title": "x", "choices": [', '"a#",', '"b"]'),
        ("many choices, routed", "approval", '"title": "x", "choices": ["a"], ', '"c#?": null, ', '"b?": null'),
        ("many calculations", "calculateField", '"calculations": [', '{"outputField":"a#","formula":"1"},', "0]"),
        ("many fields to set", "editFields", '"fieldsToSet": [', '{"name":"a#","value":1},', "0]"),
        ("many conditions", "filter", '"conditions": [', '{"field":"a#","operation":"equals","value":1},', "0]"),
        ("patterns", "filter", '"conditions": [', '{"field":"a","operation":"regex","value":"a{#}"},', "0]"),
        ("a giant pattern", "extractText", '"method":"regex","field":"a","pattern": "', "(a+)+", '"'),
        ("a giant JSON text", "editFields", '"mode":"json_output","jsonOutput": "', "[", '"'),
        ("many rules", "switch", '"rules": [', '{"outputKey":"a#","conditions":[]},', "0]"),
        ("a giant schema", "signal", '"name":"x","schema": {"allOf": [', '{"type":"object"},', "{}]}"),
        ("nested values of logic", "logic", '"operation":"and","values": [', '{"operation":"and","values":[]},', "0]"),
        ("requests", "fetchApi", '"url":"http://x/', "a", '"'),
        ("headers", "fetchApi", '"url":"http://x/","headers":{', '"h#":"v",', '"z":"v"}'),
        ("recipients", "sendEmail", '"subject":"x","to":[', '"a#@example.com",', '"b@example.com"]'),
        ("sorting", "sort", '"fieldsToSortBy":[', '{"fieldName":"a#"},', "0]"),
        ("summaries", "summarize", '"fieldsToSummarize":[', '{"fieldToAggregate":"a#"},', "0]"),
        ("a giant path", "jsonExtract", '"path":"a', ".a", '"'),
        ("a giant field", "stringOperations", '"operation":"trim","field":"a', ".a", '"'),
        ("locks", "empty", '"$locks":[', '"$.a#",', '"$.b"]'),
        ("codes that are not retried", "empty", '"$retry":{"nonRetryable":[', '"A#",', '"B"]}'),
        ("keys of a retry policy", "empty", '"$retry":{', '"delayy#":1,', '"delay":1}'),
        ("keys of a breaker", "empty", '"$breaker":{', '"failurees#":1,', '"failures":1}'),
        ("a giant path to lock", "empty", '"$locks":["$', ".a", '"]'),
        ("branches", "parallel", "", '"b#?":["empty"],', '"mode":"all"'),
        ("empty branches", "parallel", "", '"b#?":[],', '"mode":"all"'),
        ("nodes to come", "runWorkflow", '"workflowId":"', "a", '"'),
    )
    for name, node, start, unit, end in cases:
        yield f"{node}: {name}", numbered(HEAD + f'"workflow": [{{"{node}": {{' + start, unit, end + "}}]}")


def _wrapped() -> Iterator[tuple[str, bytes]]:
    """Submissions around a definition."""
    inner = '"definition": ' + HEAD + '"workflow": ["empty"]}'
    yield "unknown keys of the submission", numbered("{", '"label#":0,', inner + "}")
    yield "labels", numbered('{"labels": {', '"l#":0,', '"z": ""},' + inner + "}")
    yield "a huge initial state beside the definition", filled('{"initialState": {"a": [', "0,", "0]}," + inner + "}")
    yield "problems inside", filled('{"definition": ' + HEAD + '"workflow": [', "0,", "0]}}")


def hostile_documents() -> dict[str, bytes]:
    """The whole catalogue, by name."""
    found: dict[str, bytes] = {}
    for part in (_texts, _values, _shapes, _expressions, _parameters, _wrapped):
        for name, text in part():
            assert name not in found, name
            assert len(text) <= MEBIBYTE, (name, len(text))
            found[name] = text
    return found
