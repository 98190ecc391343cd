// All that is known of the chosen state.

const wayOf = (row) => (row.up === null ? [] : [...wayOf(row.up), row.edge]);

function showFacts(place, record, row, reveal) {
  const r = record, state = row.state, tried = r.edgePtr[state + 1] - r.edgePtr[state];
  const facts = [
    ["value", r.own[state].toPrecision(5)],
    ["mean behind it", r.mean[state].toPrecision(5)],
    ["best behind it", r.best[state].toPrecision(5)],
    ["visits", r.visits[state]],
    ["evaluated as number", state + 1],
    ["actions tried", r.legal[state] < 0 ? "none" : `${tried} of ${r.legal[state]}`],
  ];
  if (row.edge >= 0) facts.push(["prior of the action", r.edgePrior[row.edge].toPrecision(3)], ["visits of the edge", r.edgeVisits[row.edge]]);
  const metrics = metricOrder(r).map((column) => [words(r.metric_names[column]), figure(r.metric_names[column], r.metric(column)[state]), limitOf(r, column)]);
  place.replaceChildren(
    element("h4", { textContent: title(r, state) }),
    state ? actions(r, wayOf(row)) : "nothing done yet",
    element("h4", { textContent: "Metrics" }), table(metrics),
    element("h4", { textContent: "Search" }), table(facts),
    ...otherWays(r, row, reveal),
  );
}

function title(record, state) {
  const seeds = record.seeds.filter(([, seed]) => seed === state).map(([name]) => name);
  return [`State ${state}`, ...(state === record.bestState ? ["the best"] : []), ...seeds.map((name) => `seed ${name}`)].join(" · ");
}

function limitOf(record, column) {
  const name = record.metric_names[column];
  const goal = record.goals.find(([metric, limit]) => metric === name && limit !== null);
  return goal ? `limit ${figure(name, goal[1])}` : "";
}

const table = (rows) =>
  element("table", {}, ...rows.map(([name, text, note]) =>
    element("tr", { title: note ?? "" }, element("td", { textContent: note ? `${name} (${note})` : name }), element("td", { textContent: text }))));

const actions = (record, way) => element("ol", {}, ...way.map((edge) => element("li", { textContent: record.details[record.edgeAction[edge]] })));

function otherWays(record, row, reveal) {
  const parents = [];
  for (let edge = 0; edge < record.edgeChild.length; edge++) if (record.edgeChild[edge] === row.state && edge !== row.edge) parents.push(edge);
  if (!parents.length) return [];
  const buttons = parents.slice(0, 20).map((edge) =>
    element("button", {
      textContent: `${record.labels[record.edgeAction[edge]]} after state ${record.edgeParent[edge]}`,
      onclick: () => reveal([...wayTo(record, record.edgeParent[edge]), edge]),
    }));
  return [element("h4", { textContent: `Also reached by ${parents.length} other edge${parents.length > 1 ? "s" : ""}` }), element("div", { className: "ways" }, ...buttons)];
}
