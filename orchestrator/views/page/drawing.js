"use strict";
const pictures = (() => {
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
  let figures = {};
  // A legend below takes more lines where a picture is narrow: make so much room that it covers no name of an axis.
  const UNDER_AXIS = 46;
  const FIRST = "progress", FIRST_ON_PAPER = 320;
  const hasMadeRoom = (plot, layout) => {
    const more = Math.ceil((plot.querySelector("g.legend")?.getBBox().height || 0) + UNDER_AXIS - layout.margin.b);
    if (more <= 0) return false;
    layout.height += more;
    layout.margin.b += more;
    plot.style.height = `${layout.height}px`;
    return true;
  };
  const plots = () => [...document.querySelectorAll(".plot")];
  const draw = plot => {
    if (!figures[plot.id] || plot.dataset.drawn) return;
    const is_first = !plot.data;
    plot.dataset.drawn = "yes";
    const { data, layout } = painted(figures[plot.id]);
    const axis = { gridcolor: colour("var(--grid)"), linecolor: colour("var(--line)"), zeroline: false };
    for (const key of Object.keys(layout)) if (/^[xy]axis/.test(key)) layout[key] = { ...axis, ...layout[key] };
    const font = { family: getComputedStyle(document.body).fontFamily, size: 12, color: colour("var(--fg)") };
    const isNarrow = plot.clientWidth < 500;
    if (isNarrow) {
      layout.annotations = (layout.annotations || []).filter(note => note.name !== "room");
      for (const note of layout.annotations) if (note.narrow) Object.assign(note, note.narrow);
    }
    if (root.dataset.printing) {
      layout.width = plot.clientWidth;
      if (plot.id === FIRST) layout.height = FIRST_ON_PAPER; // so that it stands below the head on the first sheet
    }
    plot.style.height = `${layout.height}px`;
    // The same `uirevision` for ever: what a reader hid stays so when newer data come. A range that they chose would be
    // given up where the data's own changed, so it is kept here.
    for (const [axis, range] of Object.entries(plot.zoomed || {})) layout[axis] = { ...layout[axis], range };
    Object.assign(layout, { paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", font, hoverlabel: { align: "left" }, dragmode: "zoom", uirevision: "kept" });
    const config = { responsive: true, displaylogo: false, displayModeBar: false };
    Plotly.react(plot, data, layout, config);
    // Not `relayout`: a height given that way has the width follow the window no more.
    if (layout.legend?.yref === "container" && hasMadeRoom(plot, layout)) Plotly.react(plot, data, layout, config);
    if (!is_first) return;
    plot.on("plotly_relayout", changes => {
      if (plot.resetting) { plot.resetting = false; plot.zoomed = {}; delete plot.dataset.drawn; return draw(plot); }
      for (const axis of new Set(Object.keys(changes).filter(key => /^[xy]axis\d*\.range/.test(key)).map(key => key.split(".")[0])))
        plot.zoomed = { ...plot.zoomed, [axis]: [...plot.layout[axis].range] };
    });
    plot.on("plotly_doubleclick", () => { plot.resetting = true; });
    plot.dispatchEvent(new CustomEvent("drawn", { bubbles: true }));
  };
  const near = new IntersectionObserver(seen => seen.forEach(one => one.isIntersecting && draw(one.target)), { rootMargin: "500px" });
  const again = () => plots().filter(plot => plot.dataset.drawn).forEach(plot => { delete plot.dataset.drawn; draw(plot); });
  const themed = theme => { root.dataset.theme = theme; again(); };
  const isDark = () => (root.dataset.theme || (matchMedia("(prefers-color-scheme:dark)").matches ? "dark" : "light")) === "dark";
  matchMedia("(prefers-color-scheme:dark)").addEventListener("change", again);
  let before;
  // A width once given stays, and so does the room that a legend of more lines was given: nothing of a picture is kept.
  const anew = () => plots().filter(plot => plot.data).map(plot => { Plotly.purge(plot); delete plot.dataset.drawn; return plot; });
  // Paper is narrower than most screens, and nothing tells a picture so: what prints has a width of its own (page.css).
  addEventListener("beforeprint", () => {
    before = root.dataset.theme;
    root.dataset.printing = "yes";
    root.dataset.theme = "light";
    anew();
    plots().forEach(draw);
  });
  addEventListener("afterprint", () => {
    delete root.dataset.printing;
    if (before) root.dataset.theme = before; else delete root.dataset.theme;
    anew().forEach(draw);
  });
  document.addEventListener("click", async event => {
    if (event.target.id === "theme") { themed(isDark() ? "light" : "dark"); kept.set("theme", root.dataset.theme); }
    if (!event.target.classList.contains("copier")) return;
    const copier = event.target, source = copier.previousElementSibling;
    try { await navigator.clipboard.writeText(source.textContent); copier.textContent = "Copied"; } catch {
      getSelection().selectAllChildren(source); copier.textContent = "Selected";
    }
    setTimeout(() => { copier.textContent = "Copy"; }, 1500);
  });
  let unfolded = (kept.get("unfolded") || "").split(" ").filter(Boolean);
  document.addEventListener("toggle", event => {
    if (!event.target.id || !event.target.isConnected) return;
    unfolded = unfolded.filter(id => id !== event.target.id).concat(event.target.open ? [event.target.id] : []);
    kept.set("unfolded", unfolded.join(" "));
  }, true);
  return {
    unfold(place) { for (const details of place.querySelectorAll("details")) if (unfolded.includes(details.id)) details.open = true; },
    show(found) {
      for (const plot of plots()) if (JSON.stringify(found[plot.id]) !== JSON.stringify(figures[plot.id])) delete plot.dataset.drawn;
      figures = found;
      for (const plot of plots()) if (location.hash === "#all" || plot.data) draw(plot); else near.observe(plot);
    },
  };
})();
