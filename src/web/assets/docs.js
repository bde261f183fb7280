// The API reference: /openapi.json, made readable. Nothing is loaded from elsewhere.

const main = document.getElementById("reference");

/** An element with attributes and children; texts stay texts. */
function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== null) node.setAttribute(name, value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

const nameOf = (reference) => reference.split("/").at(-1);

/** Text with `code` in it. */
const inline = (text) => text.split(/`([^`]+)`/).map((piece, i) => (i % 2 ? el("code", {}, piece) : piece));

/** Markdown of the modest kind that descriptions use: paragraphs and `code`. */
function prose(text) {
  const paragraphs = (text ?? "").split(/\n\n+/).filter((part) => part.trim());
  return paragraphs.map((part) => el("p", {}, ...inline(part)));
}

/** A schema in a few words, with links to those that have a name. */
function kind(schema) {
  if (!schema) return el("span", {}, "anything");
  if (schema.$ref) {
    const name = nameOf(schema.$ref);
    return el("a", { href: `#schema-${name}` }, name);
  }
  const variants = schema.oneOf ?? schema.anyOf ?? schema.allOf;
  if (variants) {
    const joint = schema.allOf ? " and " : " or ";
    const parts = variants.flatMap((variant, i) => (i ? [joint, kind(variant)] : [kind(variant)]));
    return el("span", {}, ...parts);
  }
  const types = [schema.type ?? "anything"].flat();
  if (types.includes("array")) return el("span", {}, "list of ", kind(schema.items), types.includes("null") ? " or null" : "");
  const bounds = [
    schema.format,
    schema.minimum !== undefined ? `≥ ${schema.minimum}` : null,
    schema.maximum !== undefined ? `≤ ${schema.maximum}` : null,
    schema.pattern ? schema.pattern.replace(/^\^\(|\)\$$/g, "").replaceAll("|", ", ") : null,
  ].filter(Boolean);
  return el("span", {}, types.join(" or ") + (bounds.length ? ` (${bounds.join("; ")})` : ""));
}

function table(columns, rows) {
  return el("div", { class: "scroll" }, el("table", {},
    el("thead", {}, el("tr", {}, ...columns.map((name) => el("th", { scope: "col" }, name)))),
    el("tbody", {}, ...rows.map((cells) => el("tr", {}, ...cells.map((cell) => el("td", {}, cell)))))));
}

function fields(schema) {
  const required = new Set(schema.required ?? []);
  const rows = Object.entries(schema.properties ?? {}).map(([name, property]) => [
    el("code", {}, name),
    el("span", {}, kind(property), required.has(name) ? "" : ", may be absent"),
    el("span", {}, ...prose(property.description)),
  ]);
  return rows.length ? table(["Field", "Is", "Means"], rows) : el("p", {}, kind(schema));
}

function schemaCard(name, schema) {
  const parts = schema.allOf ?? schema.oneOf ?? [];
  const body = schema.properties || !parts.length ? [fields(schema)] : parts.map((part) => (part.properties ? fields(part) : el("p", {}, kind(part))));
  return el("section", { class: "card schema", id: `schema-${name}` }, el("h3", {}, name), ...prose(schema.description), ...body);
}

function example(method, path, operation) {
  const body = operation.requestBody ? ` \\\n  -H 'content-type: application/json' -d '…'` : "";
  const ways = (operation.security ?? [{ token: [] }]).flatMap((one) => Object.keys(one));
  const token = ways.includes("signature") ? ` \\\n  -H "x-docusign-signature-1: $SIGNATURE"`
    : ways.includes("token") ? ` \\\n  -H "authorization: Bearer $TOKEN"` : "";
  const verb = method === "get" ? "" : ` -X ${method.toUpperCase()}`;
  return el("pre", {}, `curl${verb} ${location.origin}${path}${token}${body}`);
}

function answers(operation) {
  const rows = Object.entries(operation.responses ?? {}).map(([status, answer]) => {
    const contents = Object.entries(answer.content ?? {});
    const shapes = contents.flatMap(([type, content], i) => [i ? ", " : "", kind(content.schema), ` (${type})`]);
    return [el("b", {}, status), el("span", {}, ...shapes), el("span", {}, ...prose(answer.description))];
  });
  return table(["Status", "Body", "When"], rows);
}

function parameters(operation) {
  const rows = (operation.parameters ?? []).map((parameter) => [
    el("code", {}, parameter.name),
    el("span", {}, `${parameter.in}: `, kind(parameter.schema)),
    el("span", {}, ...prose(parameter.description)),
  ]);
  return rows.length ? table(["Parameter", "Is", "Means"], rows) : null;
}

function operationCard(method, path, operation) {
  const tone = method === "get" ? "blue" : "warn";
  const body = Object.values(operation.requestBody?.content ?? {})[0];
  return el("details", { class: "card op", id: operation.operationId },
    el("summary", {},
      el("span", { class: "badge method", "data-tone": tone }, method.toUpperCase()),
      el("code", {}, path), el("span", {}, ...inline(operation.summary ?? ""))),
    el("div", {}, ...prose(operation.description), parameters(operation),
      body ? el("p", {}, "Body: ", kind(body.schema)) : null, answers(operation), example(method, path, operation)));
}

function render(openapi) {
  document.getElementById("version").textContent = openapi.info.version;
  main.append(el("section", {}, ...prose(openapi.info.description)));
  const groups = new Map((openapi.tags ?? []).map((tag) => [tag.name, { about: tag.description, cards: [] }]));
  for (const [path, methods] of Object.entries(openapi.paths)) {
    for (const [method, operation] of Object.entries(methods)) {
      if (!operation.responses) continue;
      const tag = operation.tags?.[0] ?? "other";
      if (!groups.has(tag)) groups.set(tag, { about: "", cards: [] });
      groups.get(tag).cards.push(operationCard(method, path, operation));
    }
  }
  for (const [name, { about, cards }] of groups) {
    main.append(el("section", { class: "group" }, el("h2", {}, name), ...prose(about), ...cards));
  }
  const schemas = Object.entries(openapi.components?.schemas ?? {});
  main.append(el("section", { class: "group" }, el("h2", {}, "Shapes"), ...schemas.map(([name, schema]) => schemaCard(name, schema))));
  const wanted = location.hash.slice(1) && document.getElementById(location.hash.slice(1));
  if (wanted) {
    if (wanted.tagName === "DETAILS") wanted.open = true;
    wanted.scrollIntoView();
  }
}

try {
  render(await (await fetch("/openapi.json")).json());
} catch (error) {
  main.append(el("p", { class: "notice", role: "alert" }, `The reference cannot be loaded: ${error.message}`));
}
