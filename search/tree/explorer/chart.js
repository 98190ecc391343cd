// The second view: every state by two metrics, drawn by Vega-Lite.

// States that share both figures are one point, that of the first of them.
function points(record, x, y, leastVisits) {
  const [xs, ys] = [record.metric(x), record.metric(y)], at = new Map();
  for (let state = 0; state < record.count; state++) {
    if (record.visits[state] < leastVisits) continue;
    const place = `${xs[state]} ${ys[state]}`, point = at.get(place);
    if (point) point.states++;
    else at.set(place, { x: xs[state], y: ys[state], state, states: 1 });
  }
  return [...at.values()];
}

// Points that no other beats in one figure without losing in the other, from left to right.
function front(all) {
  const sorted = [...all].sort((a, b) => a.x - b.x || a.y - b.y), kept = [];
  for (const point of sorted) if (!kept.length || point.y < kept.at(-1).y) kept.push(point);
  return kept;
}

// A figure that is 0 somewhere has no logarithm: it is drawn as it is.
function axis(record, column, log) {
  const name = record.metric_names[column];
  return {
    type: "quantitative", title: name.endsWith("_bytes") ? `${bare(name)} [GiB]` : name.endsWith("_s") ? `${bare(name)} [s]` : words(name),
    scale: log && range(record.metric(column))[0] > 0 ? { type: "log", nice: false } : { zero: false }, axis: { format: ".3~g" },
  };
}

// Bytes are drawn in GiB.
const unit = (record, column) => (record.metric_names[column].endsWith("_bytes") ? 2 ** 30 : 1);

function scatter(record, { x, y, log, colour, leastVisits }, width, height) {
  const numbers = COLOURS[colour].numbers(record), [ux, uy] = [unit(record, x), unit(record, y)];
  const drawn = points(record, x, y, leastVisits).map((p) => ({
    ...p, x: p.x / ux, y: p.y / uy, shade: numbers[p.state],
    memo: `state ${p.state}: ${figure(record.metric_names[x], p.x)}, ${figure(record.metric_names[y], p.y)}${p.states > 1 ? ` (${p.states} states)` : ""}`,
  }));
  const best = { x: record.metric(x)[record.bestState] / ux, y: record.metric(y)[record.bestState] / uy, state: record.bestState };
  const limits = (column, channel) => record.goals
    .filter(([metric, limit]) => limit !== null && metric === record.metric_names[column])
    .map(([, limit]) => ({ data: { values: [{ [channel]: limit / unit(record, column) }] }, mark: { type: "rule", strokeDash: [4, 3], color: "#cf222e" }, encoding: { [channel]: { field: channel, type: "quantitative" } } }));
  const place = { x: { field: "x", ...axis(record, x, log) }, y: { field: "y", ...axis(record, y, log) } };
  return {
    width, height, autosize: { type: "fit", contains: "padding" },
    layer: [ // The later lie above, and take the clicks.
      ...limits(x, "x"), ...limits(y, "y"),
      { data: { values: drawn }, mark: { type: "circle", size: 28, opacity: 0.75, cursor: "pointer" },
        encoding: { ...place, tooltip: { field: "memo" },
          color: { field: "shade", type: "quantitative", title: colour, scale: { range: ["#c6dbef", "#08306b"], type: colour === "visits" ? "log" : "linear" } } } },
      { data: { values: front(drawn) }, mark: { type: "line", interpolate: "step-after", color: "#bc4c00", strokeWidth: 1.5 }, encoding: place },
      { data: { values: [best] }, mark: { type: "point", shape: "diamond", size: 160, filled: true, opacity: 1, color: "#9a6700", cursor: "pointer" }, encoding: place },
    ],
  };
}

async function drawChart(place, host, record, settings, onState) {
  delete place.dataset.ready;
  const embed = await embedder(host);
  if (embed === null) {
    place.replaceChildren("This view takes vl-convert-python. Fix: pip install 'autopart[notebooks]', then make the page again.");
    return;
  }
  const spec = scatter(record, settings, place.clientWidth - 24, place.clientHeight - 16);
  const { view } = await embed(place, spec, { actions: false, renderer: "canvas", ast: true });
  view.addEventListener("click", (event, item) => item?.mark.marktype === "symbol" && item.datum.state !== undefined && onState(item.datum.state));
  place.dataset.ready = "yes";
}
