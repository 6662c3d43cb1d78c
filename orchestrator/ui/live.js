(() => {
  const main = document.querySelector("main"), pulse = document.getElementById("pulse"), alarm = document.getElementById("trouble");
  let version = "", parts = [], newest = 0, waiting = 0, asking = null;
  const focusable = () => [...main.querySelectorAll("a,button,summary,input,select,[tabindex]")];

  // What a reader did stays: pictures are moved, not made anew; a part that says the same, or is typed into, is left.
  const place = found => {
    const next = document.createElement("main");
    next.innerHTML = found.body;
    const texts = [...next.children].map(part => part.outerHTML);
    const focused = focusable().indexOf(document.activeElement);
    const scrolled = new Map([...main.querySelectorAll(".wide")].map(wide => [wide.getAttribute("aria-label"), wide.scrollLeft]));
    for (const plot of next.querySelectorAll(".plot")) {
      const old = document.getElementById(plot.id);
      if (!old || !main.contains(old) || !old.data) continue;
      old.style.height = plot.style.height;
      old.setAttribute("aria-label", plot.getAttribute("aria-label"));
    }
    const fresh = [...next.children], old = [...main.children];
    const is_alike = fresh.length === old.length && fresh.every((part, i) => part.tagName === old[i].tagName && part.getAttribute("aria-labelledby") === old[i].getAttribute("aria-labelledby"));
    fresh.forEach((part, i) => {
      const is_typed_into = is_alike && old[i].tagName === "FORM" && old[i].contains(document.activeElement);
      if (is_alike && (texts[i] === parts[i] || is_typed_into)) return;
      for (const plot of part.querySelectorAll(".plot")) {
        const drawn = document.getElementById(plot.id);
        if (drawn && main.contains(drawn) && drawn.data) plot.replaceWith(drawn);
      }
      if (is_alike) old[i].replaceWith(part);
    });
    if (!is_alike) main.replaceChildren(...fresh);
    parts = texts;
    pictures.unfold(main);
    pictures.show(found.figures);
    for (const wide of main.querySelectorAll(".wide")) wide.scrollLeft = scrolled.get(wide.getAttribute("aria-label")) || 0;
    if (focused >= 0 && document.activeElement === document.body) focusable()[focused]?.focus({ preventScroll: true });
    document.title = `${found.title} · stepladder`;
  };
  const told = (text, is_lost) => { pulse.textContent = text; pulse.classList.toggle("lost", is_lost); };
  const trouble = text => { alarm.textContent = text; alarm.hidden = !text; };
  const look = async () => {
    clearTimeout(waiting);
    asking?.abort();
    const own = asking = new AbortController();
    let again_s = look.again_s || 2;
    try {
      const query = new URLSearchParams(location.search);
      query.set("since", version);
      const answer = await fetch(`${document.body.dataset.contents}?${query}`, { signal: own.signal, cache: "no-store" });
      if (answer.status === 200) {
        const found = await answer.json();
        again_s = look.again_s = found.again_s;
        if (found.trouble) { trouble(found.trouble); told("not up to date", true); }
        else if (document.querySelector(".dragcover")) again_s = 1;  // somebody zooms just now
        else { place(found); version = document.body.dataset.version = found.version; newest = Date.now(); trouble(""); told("live", false); }
      } else if (answer.status === 204) { trouble(""); told("live", false); }
      else { trouble(await answer.text()); told("not up to date", true); again_s = 10; }
    } catch (error) {
      if (own.signal.aborted) return;
      trouble("The server of this page does not answer: it was ended, or the way to it was. Start it again with `stepladder ui`, and open the address that it prints.");
      told("not up to date", true);
      again_s = 5;
    }
    if (!document.hidden) waiting = setTimeout(look, 1000 * again_s);
  };
  document.addEventListener("visibilitychange", () => document.hidden ? clearTimeout(waiting) : look());

  const go = query => { history.replaceState(null, "", query || location.pathname); version = ""; look(); };
  let typing = 0;
  const asked = form => {
    const query = new URLSearchParams([...new FormData(form)].filter(([, value]) => value));
    go(query.size ? `?${query}` : "");
  };
  main.addEventListener("submit", event => { event.preventDefault(); asked(event.target); });
  main.addEventListener("input", event => { clearTimeout(typing); const form = event.target.form; typing = setTimeout(() => asked(form), event.target.tagName === "SELECT" ? 0 : 300); });
  main.addEventListener("click", event => {
    const link = event.target.closest("a");
    if (!link || !link.getAttribute("href").startsWith("?") || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    go(link.getAttribute("href"));
  });
  // A dot that says which trial it is leads to that trial.
  main.addEventListener("drawn", event => event.target.on("plotly_click", found => {
    const trial = /^trial (\d+),/.exec(found.points[0]?.text || "");
    if (trial) location.assign(`${document.body.dataset.trials}${trial[1]}`);
  }));
  look();
})();
