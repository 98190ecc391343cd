// Draws what stands in the page as Vega-Lite, each chart once it comes into sight. The charts run no code of their own:
// expressions are interpreted, for the page forbids evaluation.

const specs = JSON.parse(document.getElementById("charts-data").textContent);

const colour = (name) => getComputedStyle(document.body).getPropertyValue(name).trim();

const BLUE = "#3b8bd0"; // Seen on light and on dark ground.

function looks() {
  const [ink, line] = [colour("--ink"), colour("--line")];
  return {
    background: null, font: "system-ui, sans-serif", view: { stroke: null },
    axis: { labelColor: ink, titleColor: ink, gridColor: line, domainColor: line, tickColor: line, titleFontWeight: "normal", labelLimit: 240 },
    legend: { labelColor: ink, titleColor: ink, labelLimit: 400 },
    area: { color: BLUE }, line: { color: BLUE }, point: { color: BLUE },
  };
}

async function draw(place) {
  const embed = await embedder(document);
  if (embed === null) {
    place.textContent = "Charts take vl-convert-python. Fix: pip install 'autopart[notebooks]', then make the report again.";
    place.style.height = "auto";
  } else {
    const spec = { ...specs[place.dataset.chart], width: "container", height: "container", autosize: { type: "fit", contains: "padding" } };
    await embed(place, spec, { actions: false, renderer: "canvas", ast: true, config: looks() });
  }
  place.dataset.ready = "yes";
}

const inSight = new IntersectionObserver((entries) => {
  for (const { target, isIntersecting } of entries) {
    if (!isIntersecting) continue;
    inSight.unobserve(target);
    draw(target).catch((error) => (target.textContent = `This chart cannot be drawn: ${error.message}`));
  }
}, { rootMargin: "400px" });

const charts = [...document.querySelectorAll("[data-chart]")];
charts.forEach((place) => inSight.observe(place));
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  for (const place of charts) if (place.dataset.ready) draw(place);
});
