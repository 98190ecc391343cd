// The record of a search as the page holds it, and its figures as people read them.

async function readRecord(host) {
  const header = JSON.parse(host.querySelector(".tree-header").textContent);
  const buffer = await unpacked(host.querySelector(".tree-data").textContent);
  const record = { ...header };
  let begin = 0;
  for (const [name, kind, length] of header.columns) {
    record[name] = kind === "f4" ? new Float32Array(buffer, begin, length) : new Int32Array(buffer, begin, length);
    begin += 4 * length;
  }
  record.count = record.own.length;
  record.metric = (column) => record.metrics.subarray(column * record.count, (column + 1) * record.count);
  record.onPath = new Set([-1, ...record.path]);
  record.bestState = record.path.length ? record.edgeChild[record.path.at(-1)] : 0;
  return record;
}

// The edges along which a state was found, from the root.
function wayTo(record, state) {
  const way = [];
  for (let edge = record.foundBy[state]; edge >= 0; edge = record.foundBy[record.edgeParent[edge]]) way.push(edge);
  return way.reverse();
}

// Metrics of which the goals speak first, each once, then the others.
function metricOrder(record) {
  const wanted = record.goals.map(([metric]) => record.metric_names.indexOf(metric));
  return [...new Set([...wanted, ...record.metric_names.keys()])].filter((column) => column >= 0);
}

const UNIT = /_(bytes|s|flops)$/;

const bare = (metric) => metric.replace(UNIT, "").replaceAll("_", " ");

const words = (metric) => (metric.endsWith("_s") ? `${bare(metric)} time` : metric.replaceAll("_", " "));

function figure(metric, number) {
  const unit = UNIT.exec(metric)?.[1];
  if (unit === "bytes") return scaled(number, 1024, ["B", "KiB", "MiB", "GiB", "TiB"]);
  if (unit === "s") return number >= 1 ? `${number.toFixed(3)} s` : number >= 1e-3 ? `${(number * 1e3).toFixed(2)} ms` : `${(number * 1e6).toFixed(2)} us`;
  if (unit === "flops") return scaled(number, 1000, ["flop", "kflop", "Mflop", "Gflop", "Tflop", "Pflop"]);
  return Number.isInteger(number) ? String(number) : number.toPrecision(4);
}

function scaled(number, base, units) {
  let place = 0;
  for (; Math.abs(number) >= base && place < units.length - 1; place++) number /= base;
  return `${place ? number.toFixed(2) : number.toFixed(0)} ${units[place]}`;
}

const COLOURS = {
  value: { numbers: (record) => record.own, scale: (number) => number },
  "best behind": { numbers: (record) => record.best, scale: (number) => number },
  visits: { numbers: (record) => record.visits, scale: Math.log },
};

// A number in [0, 1] for each state, by which it is coloured.
function shade(record, by) {
  const scale = COLOURS[by].scale, numbers = COLOURS[by].numbers(record);
  const [low, high] = range(numbers).map(scale);
  return (state) => (high > low ? (scale(numbers[state]) - low) / (high - low) : 1);
}

function range(numbers) {
  let [low, high] = [Infinity, -Infinity];
  for (const number of numbers) [low, high] = [Math.min(low, number), Math.max(high, number)];
  return [low, high];
}

// An element with text: nothing of what a program names is ever read as markup.
function element(kind, properties = {}, ...inside) {
  const made = Object.assign(document.createElement(kind), properties);
  made.append(...inside);
  return made;
}
