"use strict";

const byId = (id) => document.getElementById(id);

/** A new element with this text; user text never becomes markup. */
function element(tag, text) {
  const made = document.createElement(tag);
  if (text !== undefined) made.textContent = text;
  return made;
}

function headers() {
  const key = byId("key").value;
  return key ? { Authorization: `Bearer ${key}` } : {};
}

async function loadModels() {
  const reply = await fetch("/v1/models", { headers: headers() });
  if (!reply.ok) return;
  const select = byId("model");
  const chosen = select.value;
  const names = (await reply.json()).data.map((model) => model.id);
  select.replaceChildren(...names.map((name) => {
    const option = element("option", name);
    option.value = name;
    return option;
  }));
  if (names.includes(chosen)) select.value = chosen;
}

function showResults(texts, results) {
  const rows = results.map((result, index) => {
    const row = element("tr");
    row.append(element("td", texts[index]), element("td", result.error ? result.error.message : result.label ?? ""),
      element("td", result.score === undefined ? "" : result.score.toFixed(4)));
    return row;
  });
  byId("results").tBodies[0].replaceChildren(...rows);
  byId("results").hidden = false;
}

async function classify(event) {
  event.preventDefault();
  const texts = byId("texts").value.split("\n").filter((line) => line.trim());
  const body = JSON.stringify({ model: byId("model").value || undefined, texts, top_k: "all" });
  byId("request").textContent =
    `curl ${location.origin}/v1/classify -H 'Content-Type: application/json' -d '${body.replaceAll("'", "'\\''")}'`;
  byId("status").textContent = "Waiting";
  try {
    const reply = await fetch("/v1/classify",
      { method: "POST", headers: { ...headers(), "Content-Type": "application/json" }, body });
    const answer = await reply.json();
    byId("reply").textContent = JSON.stringify(answer, null, 2);
    if (!reply.ok) {
      byId("status").textContent = `${reply.status}: ${answer.error}. ${answer.hint ?? ""}`;
      return;
    }
    byId("status").textContent = `Model ${answer.model}, version ${answer.model_version}`;
    showResults(texts, answer.results);
  } catch (failed) {
    byId("status").textContent = `No answer: ${failed.message}`;
  }
}

async function listRoutes() {
  const document_ = await (await fetch("/openapi.json")).json();
  const list = element("dl");
  for (const [path, methods] of Object.entries(document_.paths)) {
    for (const [method, operation] of Object.entries(methods)) {
      const term = element("dt");
      term.append(element("code", `${method.toUpperCase()} ${path}`));
      const access = operation["x-valence-access"] === "admin" ? " (admin key)" : "";
      list.append(term, element("dd", operation.summary + access));
    }
  }
  byId("list").replaceChildren(list);
}

byId("classify").addEventListener("submit", classify);
byId("key").addEventListener("change", loadModels);
loadModels();
listRoutes();
