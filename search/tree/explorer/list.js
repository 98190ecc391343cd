// The tree as a list of which only the rows in sight are in the page.

const ROW_PX = 24;

const ORDERS = {
  visits: (r) => (a, b) => r.visits[r.edgeChild[b]] - r.visits[r.edgeChild[a]] || a - b,
  value: (r) => (a, b) => r.best[r.edgeChild[b]] - r.best[r.edgeChild[a]] || a - b,
  prior: (r) => (a, b) => r.edgePrior[b] - r.edgePrior[a] || a - b,
  "first found": (r) => (a, b) => r.edgeChild[a] - r.edgeChild[b] || a - b,
};

class TreeList {
  constructor(record, onChoose) {
    this.record = record;
    this.onChoose = onChoose;
    this.settings = { order: "visits", leastVisits: 1, mostDepth: Infinity, colour: "value" };
    this.shade = shade(record, this.settings.colour);
    this.metrics = metricOrder(record).slice(0, Math.max(2, new Set(record.goals.map(([metric]) => metric)).size));
    this.root = { state: 0, edge: -1, level: 0, up: null, open: true, below: null };
    this.chosen = this.root;
    this.head = element("div", { className: "row head" });
    this.list = element("div", { className: "list", tabIndex: 0, role: "tree", ariaLabel: "search tree" });
    this.space = element("div");
    this.list.append(this.space);
    const columns = ["action", "visits", "value", "prior", ...this.metrics.map((column) => words(record.metric_names[column]))];
    this.head.append(...columns.map((text) => element("span", { textContent: text, title: text })));
    this.list.addEventListener("scroll", () => this.paint());
    this.list.addEventListener("click", (event) => this.#clicked(event));
    this.list.addEventListener("keydown", (event) => this.#key(event));
    this.refresh();
    new ResizeObserver(() => this.paint()).observe(this.list);
  }

  // What lies behind a row, filtered and in order.
  below(row) {
    if (row.below === null) {
      const r = this.record, { leastVisits, mostDepth, order } = this.settings;
      const edges = [];
      for (let edge = r.edgePtr[row.state]; edge < r.edgePtr[row.state + 1]; edge++) {
        if (row.level < mostDepth && r.visits[r.edgeChild[edge]] >= leastVisits) edges.push(edge);
      }
      edges.sort(ORDERS[order](r));
      row.below = edges.map((edge) => ({ state: r.edgeChild[edge], edge, level: row.level + 1, up: row, open: false, below: null }));
    }
    return row.below;
  }

  // Takes new settings; what was open stays open as far as it is still shown.
  set(settings) {
    Object.assign(this.settings, settings);
    this.shade = shade(this.record, this.settings.colour);
    const renew = (row) => {
      const before = new Map((row.below ?? []).map((child) => [child.edge, child]));
      row.below = null;
      if (!row.open) return;
      row.below = this.below(row).map((child) => before.get(child.edge) ?? child);
      row.below.forEach(renew);
    };
    renew(this.root);
    this.refresh();
  }

  refresh() {
    this.rows = [];
    const waiting = [this.root];
    while (waiting.length) {
      const row = waiting.pop();
      this.rows.push(row);
      if (row.open) for (const child of this.below(row).toReversed()) waiting.push(child);
    }
    this.space.style.height = `${this.rows.length * ROW_PX}px`;
    this.paint();
  }

  paint() {
    const first = Math.max(0, Math.floor(this.list.scrollTop / ROW_PX) - 5);
    const last = Math.min(this.rows.length, Math.ceil((this.list.scrollTop + this.list.clientHeight) / ROW_PX) + 5);
    const shown = [];
    for (let at = first; at < last; at++) shown.push(this.#element(this.rows[at], at));
    this.list.replaceChildren(this.space, ...shown);
  }

  #element(row, at) {
    const r = this.record, name = row.edge < 0 ? "start" : r.labels[r.edgeAction[row.edge]];
    const more = r.edgePtr[row.state + 1] > r.edgePtr[row.state] && this.below(row).length > 0;
    const label = element("span", { title: name });
    label.style.paddingLeft = `${6 + 14 * row.level}px`;
    const swatch = element("span", { className: "swatch" });
    swatch.style.background = `color-mix(in oklab, var(--high) ${(100 * this.shade(row.state)).toFixed(1)}%, var(--low))`;
    label.append(element("span", { className: "twist", textContent: more ? (row.open ? "▾" : "▸") : "" }), swatch, name);
    if (r.onPath.has(row.edge)) label.append(element("span", { className: "star", textContent: row.state === r.bestState ? "★" : "•" }));
    const prior = row.edge < 0 ? "" : r.edgePrior[row.edge].toPrecision(2);
    const figures = this.metrics.map((column) => figure(r.metric_names[column], r.metric(column)[row.state]));
    const texts = [r.visits[row.state], r.own[row.state].toFixed(4), prior, ...figures];
    const made = element("div", { className: "row", role: "treeitem", ariaLevel: row.level + 1 }, label);
    made.append(...texts.map((text) => element("span", { textContent: text })));
    made.classList.toggle("chosen", row === this.chosen);
    made.classList.toggle("on-path", r.onPath.has(row.edge));
    made.ariaSelected = String(row === this.chosen);
    if (more) made.ariaExpanded = String(row.open);
    made.style.top = `${at * ROW_PX}px`;
    made.dataset.at = at;
    return made;
  }

  toggle(row, open = !row.open) {
    row.open = open;
    this.refresh();
  }

  choose(row) {
    this.chosen = row;
    const top = this.rows.indexOf(row) * ROW_PX, height = this.list.clientHeight;
    if (top < this.list.scrollTop || top + ROW_PX > this.list.scrollTop + height) this.list.scrollTop = Math.max(0, top - height / 2);
    this.paint();
    this.onChoose(row);
  }

  // Opens the way to a state and chooses it; filters that hide the way are lifted.
  reveal(way) {
    const hidden = way.some((edge, level) => level >= this.settings.mostDepth || this.record.visits[this.record.edgeChild[edge]] < this.settings.leastVisits);
    if (hidden) this.set({ leastVisits: 1, mostDepth: Infinity });
    let row = this.root;
    for (const edge of way) {
      row.open = true;
      row = this.below(row).find((child) => child.edge === edge);
    }
    this.refresh();
    this.choose(row);
    return hidden;
  }

  collapse() {
    for (const row of this.rows) row.open = row === this.root;
    this.refresh();
    this.choose(this.root);
  }

  #clicked(event) {
    const at = event.target.closest(".row")?.dataset.at;
    if (at === undefined) return;
    const row = this.rows[at];
    if (event.target.classList.contains("twist")) this.toggle(row);
    this.choose(row);
  }

  #key(event) {
    const at = this.rows.indexOf(this.chosen), row = this.chosen;
    const steps = {
      ArrowDown: () => this.choose(this.rows[Math.min(at + 1, this.rows.length - 1)]),
      ArrowUp: () => this.choose(this.rows[Math.max(at - 1, 0)]),
      ArrowRight: () => (row.open ? steps.ArrowDown() : this.toggle(row, true)),
      ArrowLeft: () => (row.open ? this.toggle(row, false) : row.up && this.choose(row.up)),
      Enter: () => this.toggle(row),
    };
    if (!(event.key in steps)) return;
    event.preventDefault();
    steps[event.key]();
  }
}
