// Hover and arrow-key reading of charts, the palette, shortcuts, theme. Every page works without this file.
(() => {
  "use strict";
  const root = document.documentElement, one = (q, at = document) => at.querySelector(q);
  root.classList.add("js");

  // Charts: the figures are read from the data table that stands below each drawing.
  let active = null;
  const make = (tag, text, cls) => Object.assign(document.createElement(tag), { textContent: text ?? "", className: cls ?? "" });
  function show(plot, index) {
    const figure = plot.closest(".chart"), table = one("table", figure), tip = one(".tip", figure), count = +plot.dataset.count;
    index = Math.max(0, Math.min(count - 1, index));
    const row = table.tBodies[0].rows[index], heads = table.tHead.rows[0].cells;
    tip.replaceChildren(make("b", row.cells[0].textContent));
    for (let i = 1; i < row.cells.length; i++) {
      const cell = row.cells[i], kind = heads[i].dataset.kind || "";
      if (!kind && cell.textContent === "0") continue;
      const line = make("div", "", kind), swatch = one("svg", heads[i]);
      if (swatch) line.append(swatch.cloneNode(true));
      line.append(make("span", heads[i].textContent.trim()), make("span", cell.textContent));
      tip.append(line);
    }
    plot.querySelectorAll(".veil,.cursor").forEach((e) => e.remove());
    const step = 100 / count, from = index * step;
    [[0, from], [from + step, 100 - from - step]].forEach(([x, w]) => {
      const veil = document.createElementNS("http://www.w3.org/2000/svg", "rect");
      for (const [k, v] of Object.entries({ class: "veil", x: x + "%", width: Math.max(0, w) + "%", y: plot.dataset.top - 8, height: plot.dataset.bottom - plot.dataset.top + 8 })) veil.setAttribute(k, v);
      plot.append(veil);
    });
    const box = plot.getBoundingClientRect(), around = figure.getBoundingClientRect();
    const middle = box.left - around.left + (box.width * (index + 0.5)) / count, wide = tip.offsetWidth || 228;
    const left = middle + 18 + wide < around.width ? middle + 18 : Math.max(0, middle - 18 - wide);
    tip.style.transform = `translate(${Math.round(left)}px, 4px)`;
    tip.classList.add("on");
    active = { plot, index };
    return tip;
  }
  function hide() {
    if (!active) return;
    one(".tip", active.plot.closest(".chart"))?.classList.remove("on");
    active.plot.querySelectorAll(".veil").forEach((e) => e.remove());
    active = null;
  }
  document.addEventListener("pointermove", (e) => {
    const plot = e.target.closest?.("svg.plot, .plot *") ? e.target.closest(".plot") : null;
    if (!plot) return hide();
    const box = plot.getBoundingClientRect();
    const index = Math.floor(((e.clientX - box.left) / box.width) * plot.dataset.count);
    if (active?.plot !== plot || active.index !== index) show(plot, index);
  });
  document.addEventListener("focusout", (e) => { if (e.target.matches?.(".plot")) hide(); });
  function chartKey(e, plot) {
    const at = active?.plot === plot ? active.index : -1, last = plot.dataset.count - 1;
    const to = { ArrowRight: at + 1, ArrowLeft: at < 0 ? last : at - 1, Home: 0, End: last }[e.key];
    if (to === undefined) return;
    e.preventDefault();
    const tip = show(plot, to);
    one("#says").textContent = [...tip.children].map((c) => (c.tagName === "B" ? c.textContent : [...c.querySelectorAll("span")].map((s) => s.textContent).join(" "))).join(", ");
  }

  // Palette: the search page's own answer, in a dialog.
  const palette = one("#palette"), keys = one("#keys");
  let timer = 0, asked = 0;
  async function find(words) {
    const mine = ++asked, answer = await fetch("/find?q=" + encodeURIComponent(words), { credentials: "same-origin" });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html"), list = one(".found", page);
    if (mine !== asked || !list) return;
    one(".found", palette).replaceChildren(...list.children);
    choose(0);
  }
  function choose(step) {
    const all = [...palette.querySelectorAll(".found a")], at = all.findIndex((a) => a.hasAttribute("aria-current"));
    all.forEach((a) => a.removeAttribute("aria-current"));
    const next = all[step ? (at + step + all.length) % all.length : 0];
    next?.setAttribute("aria-current", "true");
    next?.scrollIntoView({ block: "nearest" });
  }
  function openPalette() {
    if (!palette || palette.open) return;
    palette.showModal();
    one("input", palette).select();
    find(one("input", palette).value);
  }
  palette?.addEventListener("input", (e) => { clearTimeout(timer); timer = setTimeout(() => find(e.target.value), 90); });
  palette?.addEventListener("keydown", (e) => {
    if (e.key === "ArrowDown" || e.key === "ArrowUp") { e.preventDefault(); choose(e.key === "ArrowDown" ? 1 : -1); }
    if (e.key === "Enter") { e.preventDefault(); one('[aria-current]', palette)?.click(); }
  });
  [palette, keys].forEach((d) => d?.addEventListener("click", (e) => { if (e.target === d) d.close(); }));

  let pressed = "";
  document.addEventListener("keydown", (e) => {
    if ((e.ctrlKey || e.metaKey) && e.key.toLowerCase() === "k") { e.preventDefault(); return openPalette(); }
    if (e.key === "Escape") { hide(); document.querySelectorAll("details.pop[open]").forEach((d) => { d.open = false; one("summary", d).focus(); }); }
    if (e.target.matches?.(".plot")) chartKey(e, e.target);
    if (e.ctrlKey || e.metaKey || e.altKey || e.target.matches?.("input, select, textarea") || document.querySelector("dialog[open]")) return;
    const page = pressed === "g" && one(`.rail [data-key="${CSS.escape(e.key)}"]`);
    pressed = e.key;
    if (page) location.href = page.href;
    else if (e.key === "?") keys?.showModal();
    else if (e.key === "/") { e.preventDefault(); const box = one(".rail .find input"); box?.offsetParent ? box.focus() : openPalette(); }
    else if (e.key === "t" && active) hide();
  });

  document.addEventListener("click", async (e) => {
    const button = e.target.closest?.("[data-copy]");
    if (button) {
      const text = button.dataset.copy === "url" ? location.href : one(button.dataset.copy).textContent.trim(), was = button.textContent;
      try { await navigator.clipboard.writeText(text); button.textContent = "Copied"; } catch { button.textContent = "Copy failed"; }
      setTimeout(() => { button.textContent = was; }, 1400);
    }
    document.querySelectorAll("details.pop[open]").forEach((d) => { if (!d.contains(e.target)) d.open = false; });
  });
  // A file that is chosen is read into its field, where it can be seen and changed before it is sent.
  document.addEventListener("change", (e) => { const into = e.target.dataset?.into; if (into) e.target.files[0]?.text().then((text) => { one(`#${into}`).value = text; }); });
  // One select changed is one question asked.
  document.addEventListener("change", (e) => { if (e.target.matches?.("[data-auto] select")) e.target.form.requestSubmit(); });
  document.addEventListener("submit", (e) => {
    if (e.target.matches?.("#theme")) {
      e.preventDefault();
      const dark = (root.dataset.theme || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";
      root.dataset.theme = dark ? "light" : "dark";
      document.cookie = `tally_theme=${root.dataset.theme}; path=/; max-age=31536000; samesite=lax`;
    }
  }, true);
  document.addEventListener("htmx:before:request", () => one(".busy")?.classList.add("on"));
  document.addEventListener("htmx:after:swap", () => { active = null; one(".busy")?.classList.remove("on"); });
  // The rail stands outside what is swapped: its links take the filters along.
  document.addEventListener("htmx:after:history:push", carry);
  addEventListener("popstate", carry);
  function carry() {
    const kept = new URLSearchParams(location.search);
    ["sort", "after", "q"].forEach((name) => kept.delete(name));
    document.querySelectorAll('.rail [data-key]:not([data-plain])').forEach((a) => { a.search = kept.toString(); });
  }
  document.addEventListener("htmx:error", () => location.reload());
})();
