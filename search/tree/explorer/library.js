// What travels packed in a page: numbers, and the charting library.

async function unpacked(text) {
  const letters = atob(text.trim());
  const bytes = new Uint8Array(letters.length);
  for (let at = 0; at < letters.length; at++) bytes[at] = letters.charCodeAt(at);
  const plain = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(plain).arrayBuffer();
}

// vega-embed of the page, else what the page brings along: unpacked once, however many scripts ask. Null: there is none.
async function embedder(host) {
  if (window.vegaEmbed) return window.vegaEmbed;
  const packed = host.querySelector(".tree-chart") ?? document.querySelector(".tree-chart");
  return packed === null ? null : (packed.vegaEmbed ??= started(packed));
}

async function started(packed) {
  const text = new TextDecoder().decode(await unpacked(packed.textContent));
  document.head.append(Object.assign(document.createElement("script"), { type: "module", textContent: text }));
  for (let tries = 0; !window.vegaEmbed && tries < 500; tries++) await new Promise((done) => setTimeout(done, 10));
  return window.vegaEmbed ?? null;
}
