// The live log: rows that the server has written, put on top as they come. Without this file the list stays as it was.
(() => {
  "use strict";
  const rows = document.querySelector("#live tbody"), says = document.querySelector("#live-state");
  const button = document.querySelector("#live-pause");
  if (!rows || !window.EventSource) return;
  let source = null, after = rows.dataset.after, paused = false;
  const say = (text) => { if (says.textContent !== text) says.textContent = text; };
  function open() {
    if (source || paused || document.hidden) return;
    source = new EventSource("/gateway/live?after=" + encodeURIComponent(after));
    source.onopen = () => say("live");
    source.onerror = () => { say("connection lost, trying again"); if (source.readyState === 2) { shut(); setTimeout(open, 5000); } };
    source.addEventListener("calls", (event) => {
      after = event.lastEventId;
      document.querySelector("#live-none")?.remove();
      rows.insertAdjacentHTML("afterbegin", event.data);
      while (rows.rows.length > 60) rows.deleteRow(-1);
    });
  }
  function shut() { source?.close(); source = null; }
  // A hidden page gives its connection back: browsers have few for one server.
  document.addEventListener("visibilitychange", () => { if (document.hidden) shut(); else open(); });
  addEventListener("pagehide", shut);
  addEventListener("pageshow", open);
  button.addEventListener("click", () => {
    paused = !paused;
    button.setAttribute("aria-pressed", String(paused));
    button.textContent = paused ? "Go on" : "Pause";
    if (paused) { shut(); say("paused"); } else open();
  });
  open();
})();
