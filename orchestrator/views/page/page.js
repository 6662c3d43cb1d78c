(() => {
  const root = document.documentElement;
  const unpacked = async id => {
    const bytes = Uint8Array.from(atob(document.getElementById(id).textContent), c => c.charCodeAt(0));
    return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).text();
  };
  pictures.unfold(document);
  if (root.dataset.reload) setTimeout(() => location.reload(), 1000 * Number(root.dataset.reload));
  (async () => {
    const library = document.createElement("script");
    library.textContent = await unpacked("packed-library");
    document.head.append(library);
    pictures.show(JSON.parse(await unpacked("packed-figures")));
    root.dataset.ready = String(Math.round(performance.now()));
  })().catch(error => { document.getElementById("trouble").hidden = false; throw error; });
})();
