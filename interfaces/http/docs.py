"""The page that shows /openapi.json to people: one file, nothing from elsewhere."""

from __future__ import annotations

from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from interfaces.http.api import Api

POLICY: Final = (
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
PAGE: Final = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Clew: the HTTP API</title>
<style>
  :root { color-scheme: light dark; --line: #8884; --soft: #8881; }
  body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
  code, pre { font-family: ui-monospace, monospace; font-size: .9em; }
  pre { background: var(--soft); padding: .75rem; overflow: auto; border-radius: .4rem; }
  details { border: 1px solid var(--line); border-radius: .4rem; margin: .4rem 0; }
  summary { padding: .5rem .75rem; cursor: pointer; }
  summary b { display: inline-block; min-width: 3.5rem; }
  .inside { padding: 0 .75rem .75rem; }
  table { border-collapse: collapse; width: 100%; }
  td, th { text-align: left; vertical-align: top; border-top: 1px solid var(--line); padding: .3rem .5rem; }
</style>
<h1 id="title">Clew</h1>
<p id="about">Reading <a href="/openapi.json">/openapi.json</a> …</p>
<main id="main"></main>
<script>
"use strict";
// Everything is put in as text, never as HTML.
const make = (tag, parent, text) => {
  const element = document.createElement(tag);
  if (text !== undefined) element.textContent = text;
  parent.append(element);
  return element;
};
const nameOf = (schema) => (schema && schema.$ref ? schema.$ref.split("/").pop() : "");
const typeOf = (schema) => {
  if (!schema) return "";
  if (schema.$ref) return nameOf(schema);
  if (schema.anyOf) return schema.anyOf.map(typeOf).join(" | ");
  if (schema.type === "array") return "list of " + (typeOf(schema.items) || "anything");
  return schema.enum ? schema.enum.join(" | ") : [].concat(schema.type || "anything").join(" | ");
};
const table = (parent, heads, rows) => {
  const element = make("table", parent);
  const head = make("tr", element);
  heads.forEach((text) => make("th", head, text));
  rows.forEach((cells) => {
    const row = make("tr", element);
    cells.forEach((text, index) => make(index ? "span" : "code", make("td", row), text));
  });
};
const contentOf = (holder) => Object.entries((holder && holder.content) || {})
  .map(([kind, content]) => typeOf(content.schema) + " (" + kind + ")").join(", ");
const showOperation = (parent, path, method, operation) => {
  const box = make("details", parent);
  const line = make("summary", box);
  make("b", line, method.toUpperCase());
  make("code", line, path);
  line.append(" " + operation.summary);
  const inside = make("div", box);
  inside.className = "inside";
  const parameters = operation.parameters || [];
  if (parameters.length) {
    table(inside, ["parameter", "in", "type", "what"],
      parameters.map((each) => [each.name, each.in, typeOf(each.schema), each.description || ""]));
  }
  if (operation.requestBody) make("p", inside, "Body: " + contentOf(operation.requestBody));
  table(inside, ["status", "what", "body"],
    Object.entries(operation.responses).map(([status, each]) => [status, each.description, contentOf(each)]));
};
const showSchema = (parent, name, schema) => {
  const box = make("details", parent);
  make("code", make("summary", box), name);
  const inside = make("div", box);
  inside.className = "inside";
  if (schema.description) make("p", inside, schema.description);
  make("pre", inside, JSON.stringify(schema.properties || schema, null, 2));
};
const show = (api) => {
  document.getElementById("title").textContent = api.info.title + " " + api.info.version;
  const about = document.getElementById("about");
  about.textContent = api.info.summary + " Errors are application/problem+json. The document itself: ";
  make("a", about, "/openapi.json").href = "/openapi.json";
  const main = document.getElementById("main");
  api.tags.forEach((tag) => {
    make("h2", main, tag.name);
    make("p", main, tag.description);
    Object.entries(api.paths).forEach(([path, methods]) =>
      Object.entries(methods).filter(([, operation]) => operation.tags.includes(tag.name))
        .forEach(([method, operation]) => showOperation(main, path, method, operation)));
  });
  make("h2", main, "Bodies");
  Object.entries(api.components.schemas).forEach(([name, schema]) => showSchema(main, name, schema));
};
fetch("/openapi.json").then((answer) => answer.json()).then(show, (error) => {
  document.getElementById("about").textContent = "The document can't be read: " + error;
});
</script>
</html>
"""


async def page(request: Request, api: Api) -> Response:
    """The page."""
    headers = {"Content-Security-Policy": POLICY, "X-Content-Type-Options": "nosniff"}
    return Response(PAGE, headers=headers, media_type="text/html")
