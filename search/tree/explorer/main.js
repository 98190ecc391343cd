// Puts the explorer together in the element that this script stands in.

const host = document.currentScript.parentElement;

const options = (names) => names.map((name) => element("option", { value: name, textContent: words(name) }));

const labelled = (text, control) => element("label", {}, `${text} `, control);

function controls(record) {
  const names = metricOrder(record).map((column) => record.metric_names[column]);
  const select = (list, chosen) => Object.assign(element("select", {}, ...options(list)), { value: chosen });
  const number = (title) => element("input", { type: "number", min: 1, step: 1, placeholder: "any", title });
  const button = (text) => element("button", { type: "button", textContent: text });
  return {
    tree: button("Tree"), chart: button("Metrics"), best: button("Best answer"), collapse: button("Collapse"),
    colour: select(Object.keys(COLOURS), "value"), order: select(Object.keys(ORDERS), "visits"),
    least: number("fewest visits of a state"), depth: number("most actions from the start"),
    x: select(names, names[0]), y: select(names, names[1] ?? names[0]), log: element("input", { type: "checkbox", checked: true }),
  };
}

async function main() {
  const record = await readRecord(host), c = controls(record);
  const count = element("span", { className: "count", textContent: `${record.count.toLocaleString("en")} ${record.count === 1 ? "state" : "states"}` });
  const facts = element("div", { className: "facts" }), chart = element("div", { className: "chart", hidden: true });
  const tree = new TreeList(record, (row) => showFacts(facts, record, row, reveal));
  const treeOnly = [labelled("order", c.order), labelled("depth ≤", c.depth), c.best, c.collapse];
  const chartOnly = [labelled("across", c.x), labelled("up", c.y), labelled("log", c.log)];
  const bar = element("div", { className: "bar" }, c.tree, c.chart, labelled("colour", c.colour), labelled("visits ≥", c.least), ...treeOnly, ...chartOnly, count);
  const left = element("div", { className: "left" }, tree.head, tree.list, chart);

  const settings = () => ({
    x: record.metric_names.indexOf(c.x.value), y: record.metric_names.indexOf(c.y.value), log: c.log.checked,
    colour: c.colour.value, leastVisits: Number(c.least.value) || 1,
  });
  let drawn = Promise.resolve();
  const draw = () => {
    if (chart.hidden) return;
    drawn = drawn.then(() => drawChart(chart, host, record, settings(), (state) => reveal(wayTo(record, state))));
    drawn = drawn.catch((error) => chart.replaceChildren(`The chart cannot be drawn: ${error.message}`));
  };
  const show = (charted) => {
    [tree.head, tree.list, ...treeOnly].forEach((part) => (part.hidden = charted));
    [chart, ...chartOnly].forEach((part) => (part.hidden = !charted));
    [c.tree.ariaPressed, c.chart.ariaPressed] = [String(!charted), String(charted)];
    draw();
  };
  function reveal(way) {
    show(false);
    if (tree.reveal(way)) c.least.value = c.depth.value = "";
    tree.list.focus({ preventScroll: true });
  }

  const apply = () => {
    tree.set({ order: c.order.value, colour: c.colour.value, leastVisits: Number(c.least.value) || 1, mostDepth: Number(c.depth.value) || Infinity });
    draw();
  };
  for (const control of [c.colour, c.order, c.least, c.depth]) control.addEventListener("change", apply);
  for (const control of [c.x, c.y, c.log]) control.addEventListener("change", draw);
  c.tree.onclick = () => show(false);
  c.chart.onclick = () => show(true);
  c.best.onclick = () => reveal([...record.path]);
  c.collapse.onclick = () => tree.collapse();

  host.style.setProperty("--metrics", tree.metrics.length);
  host.append(bar, element("div", { className: "body" }, left, facts));
  show(false);
  tree.choose(tree.root);
  host.dataset.ready = "yes";
}

main().catch((error) => {
  host.append(element("p", { textContent: `The search tree cannot be shown: ${error.message}` }));
});
