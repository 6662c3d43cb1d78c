(() => {
  const root = document.documentElement;
  const unpacked = async id => {
    const letters = atob(document.getElementById(id).textContent), bytes = new Uint8Array(letters.length);
    for (let i = 0; i < letters.length; i++) bytes[i] = letters.charCodeAt(i); // a tenth of Uint8Array.from's time
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
