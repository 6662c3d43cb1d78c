"use strict";
(() => {
  const root = document.documentElement;
  const kept = {
    get(key) { try { return sessionStorage.getItem(location.pathname + key); } catch { return null; } },
    set(key, value) { try { sessionStorage.setItem(location.pathname + key, value); } catch { /* a browser that keeps nothing */ } },
  };
  if (kept.get("theme")) root.dataset.theme = kept.get("theme");
  const colour = name => getComputedStyle(root).getPropertyValue(name.slice(4, -1)).trim();
  const one = value => typeof value === "string" && value.startsWith("var(--") ? colour(value) : value;
  const painted = figure => JSON.parse(JSON.stringify(figure), (key, value) =>
    !key.endsWith("color") ? value : Array.isArray(value) ? value.map(one) : one(value));
  const unpacked = async id => {
    const bytes = Uint8Array.from(atob(document.getElementById(id).textContent), c => c.charCodeAt(0));
    return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).text();
  };
  let figures = null;
  const draw = plot => {
    if (!figures || plot.dataset.drawn) return;
    plot.dataset.drawn = "yes";
    const { data, layout } = painted(figures[plot.id]);
    const axis = { gridcolor: colour("var(--grid)"), linecolor: colour("var(--line)"), zeroline: false };
    for (const key of Object.keys(layout)) if (/^[xy]axis/.test(key)) layout[key] = { ...axis, ...layout[key] };
    const font = { family: getComputedStyle(document.body).fontFamily, size: 12, color: colour("var(--fg)") };
    if (plot.clientWidth < 500) layout.annotations = (layout.annotations || []).filter(note => note.name !== "room");
    Object.assign(layout, { paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", font, hoverlabel: { align: "left" }, dragmode: "zoom" });
    Plotly.newPlot(plot, data, layout, { responsive: true, displaylogo: false, displayModeBar: false });
  };
  const plots = [...document.querySelectorAll(".plot")];
  const again = () => plots.filter(plot => plot.dataset.drawn).forEach(plot => { delete plot.dataset.drawn; Plotly.purge(plot); draw(plot); });
  const themed = theme => { root.dataset.theme = theme; again(); };
  const isDark = () => (root.dataset.theme || (matchMedia("(prefers-color-scheme:dark)").matches ? "dark" : "light")) === "dark";
  document.getElementById("theme").addEventListener("click", () => { themed(isDark() ? "light" : "dark"); kept.set("theme", root.dataset.theme); });
  matchMedia("(prefers-color-scheme:dark)").addEventListener("change", again);
  let before;
  addEventListener("beforeprint", () => { before = root.dataset.theme; themed("light"); plots.forEach(draw); });
  addEventListener("afterprint", () => { if (before) themed(before); else { delete root.dataset.theme; again(); } });
  for (const copier of document.querySelectorAll(".copier")) copier.addEventListener("click", async () => {
    const source = copier.previousElementSibling;
    try { await navigator.clipboard.writeText(source.textContent); copier.textContent = "Copied"; } catch {
      getSelection().selectAllChildren(source); copier.textContent = "Selected";
    }
    setTimeout(() => { copier.textContent = "Copy"; }, 1500);
  });
  const unfolded = (kept.get("unfolded") || "").split(" ");
  for (const details of document.querySelectorAll("details")) {
    if (unfolded.includes(details.id)) details.open = true;
    details.addEventListener("toggle", () => kept.set("unfolded", [...document.querySelectorAll("details[open]")].map(d => d.id).join(" ")));
  }
  if (root.dataset.reload) setTimeout(() => location.reload(), 1000 * Number(root.dataset.reload));
  (async () => {
    const library = document.createElement("script");
    library.textContent = await unpacked("packed-library");
    document.head.append(library);
    figures = JSON.parse(await unpacked("packed-figures"));
    const near = new IntersectionObserver(seen => seen.forEach(one => one.isIntersecting && draw(one.target)), { rootMargin: "500px" });
    if (location.hash === "#all") plots.forEach(draw); else plots.forEach(plot => near.observe(plot));
    root.dataset.ready = String(Math.round(performance.now()));
  })().catch(error => { document.getElementById("trouble").hidden = false; throw error; });
})();
