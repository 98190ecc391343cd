// The table of collectives: sorted and filtered here, and only the rows in sight are in the page.

const ROW_PX = 28, BEYOND = 8;

const made = (kind, properties = {}, ...inside) => {
  const one = Object.assign(document.createElement(kind), properties);
  one.append(...inside);
  return one;
};

function scaled(number, base, units) {
  let place = 0;
  for (; number >= base && place < units.length - 1; place++) number /= base;
  return `${place ? number.toFixed(2) : number.toFixed(0)} ${units[place]}`;
}

const bytes = (number) => scaled(number, 1024, ["B", "KiB", "MiB", "GiB", "TiB"]);
const seconds = (number) => (number >= 1 ? `${number.toFixed(3)} s` : number >= 1e-3 ? `${(number * 1e3).toFixed(2)} ms` : `${(number * 1e6).toFixed(2)} us`);

// Key, heading, text, and what it is ordered by.
const COLUMNS = [
  ["name", "name", (row) => row.name, (row) => row.order],
  ["kind", "kind", (row) => row.kind, (row) => row.kind],
  ["axes", "axes", (row) => row.axes, (row) => row.axes],
  ["tensor", "tensor", (row) => row.tensor, (row) => row.tensor],
  ["place", "where", (row) => row.place, (row) => row.place],
  ["tactic", "tactic", (row) => row.tactic, (row) => row.tactic],
  ["runs", "runs", (row) => String(row.runs), (row) => row.runs],
  ["bytes", "bytes", (row) => bytes(row.bytes), (row) => row.bytes],
  ["seconds", "a step", (row) => seconds(row.seconds), (row) => row.seconds],
];
const NUMBERS = new Set(["runs", "bytes", "seconds"]);

function together(rows) {
  return rows.map((row, order) => {
    const [first] = row.members[0], count = row.members.length;
    return { ...row, order, name: count > 1 ? `${first} ×${count}` : first };
  });
}

function apart(rows) {
  let order = 0;
  return rows.flatMap((row) => row.members.map(([name, tensor]) => ({
    ...row, order: order++, name, tensor, runs: row.runs / row.members.length, seconds: row.seconds / row.members.length, members: [[name, tensor]],
  })));
}

class RowTable {
  constructor(host, { rows, axes }) {
    Object.assign(this, { host, axes, by: "seconds", falling: true, chosen: null });
    this.rows = { together: together(rows), apart: apart(rows) };
    this.every = this.rows.together;
    const names = (key) => [...new Set(rows.map((row) => row[key]))].sort();
    const select = (label, list) => made("select", { ariaLabel: label, onchange: () => this.sift() }, made("option", { value: "", textContent: `every ${label}` }), ...list.map((value) => made("option", { value, textContent: value })));
    this.kind = select("kind", names("kind"));
    this.on = select("axis", names("axes"));
    this.text = made("input", { type: "search", placeholder: "tensor, line, tactic, name", ariaLabel: "filter", oninput: () => this.sift() });
    this.equal = made("input", { type: "checkbox", checked: true, onchange: () => ((this.every = this.equal.checked ? this.rows.together : this.rows.apart), this.sift()) });
    this.count = made("span", { className: "count" });
    this.body = made("tbody");
    this.heads = COLUMNS.map(([key, heading]) => made("th", { className: NUMBERS.has(key) ? "number" : "", scope: "col" }, made("button", { type: "button", textContent: heading, onclick: () => this.sort(key) })));
    this.table = made("table", {}, made("colgroup", {}, ...COLUMNS.map(([key]) => made("col", { className: key }))), made("thead", {}, made("tr", {}, ...this.heads)), this.body);
    this.scroll = made("div", { className: "scroll", tabIndex: 0, onscroll: () => this.draw() }, this.table);
    this.facts = made("div", { className: "facts", hidden: true });
    const bar = made("div", { className: "bar" }, this.kind, this.on, this.text, made("label", {}, this.equal, " equal layers together"), this.count);
    host.append(bar, this.scroll, this.facts);
    this.sift();
    new ResizeObserver(() => this.draw()).observe(this.scroll); // More rows are in sight, or fewer.
    host.dataset.ready = "yes";
  }

  sort(key) {
    [this.by, this.falling] = key === this.by ? [key, !this.falling] : [key, NUMBERS.has(key)];
    this.sift();
  }

  sift() {
    const [words, kind, axes] = [this.text.value.trim().toLowerCase(), this.kind.value, this.on.value];
    const order = COLUMNS.find(([key]) => key === this.by)[3], sign = this.falling ? -1 : 1;
    const has = (row) => [row.tensor, row.place, row.tactic, ...row.members.flat()].some((text) => text.toLowerCase().includes(words));
    this.shown = this.every.filter((row) => (!kind || row.kind === kind) && (!axes || row.axes === axes) && (!words || has(row)));
    this.shown.sort((a, b) => { const [x, y] = [order(a), order(b)]; return x < y ? -sign : x > y ? sign : a.order - b.order; });
    const total = this.shown.reduce((sum, row) => sum + row.seconds, 0), runs = this.shown.reduce((sum, row) => sum + row.runs, 0);
    this.count.textContent = `${this.shown.length.toLocaleString("en")} rows, ${runs.toLocaleString("en")} runs, ${seconds(total)} a step`;
    COLUMNS.forEach(([key], at) => (this.heads[at].ariaSort = key !== this.by ? "none" : this.falling ? "descending" : "ascending"));
    this.scroll.scrollTop = 0;
    this.draw();
  }

  draw() {
    const first = Math.max(0, Math.floor(this.scroll.scrollTop / ROW_PX) - BEYOND);
    const last = Math.min(this.shown.length, first + Math.ceil(this.scroll.clientHeight / ROW_PX) + 2 * BEYOND);
    const space = (rows) => made("tr", { className: "space", ariaHidden: "true" }, made("td", { colSpan: COLUMNS.length, style: `height:${rows * ROW_PX}px` }));
    this.body.replaceChildren(space(first), ...this.shown.slice(first, last).map((row) => this.row(row)), space(this.shown.length - last));
  }

  row(row) {
    const cells = COLUMNS.map(([key, , text]) => {
      const cell = made("td", { className: NUMBERS.has(key) ? "number" : "", title: text(row) });
      if (key === "axes") cell.append(made("span", { className: "chip", textContent: row.axes, style: `--axis:${this.axes[row.axes]}` }));
      else cell.textContent = text(row);
      return cell;
    });
    return made("tr", { className: row === this.chosen ? "chosen" : "", onclick: () => this.choose(row) }, ...cells);
  }

  choose(row) {
    this.chosen = row === this.chosen ? null : row;
    this.facts.hidden = this.chosen === null;
    const members = row.members.slice(0, 40).map(([name, tensor]) => `${name} ${tensor}`.trim()).join(", ");
    const more = row.members.length > 40 ? ` and ${row.members.length - 40} more` : "";
    const facts = [["collective", `${row.kind} over ${row.axes}: ${row.name}`], ...row.facts, ["all of them", members + more]];
    this.facts.replaceChildren(made("dl", {}, ...facts.flatMap(([what, words]) => [made("dt", { textContent: what }), made("dd", { textContent: words })])));
    this.draw();
  }
}

const host = document.getElementById("collectives-table");
if (host !== null) new RowTable(host, JSON.parse(document.getElementById("collectives-data").textContent));
