"use strict";
// The gallery: shows the cards that were asked for, a few at a time, and listens to the person.

(() => {
  const { byId } = imgdedup;
  const STEP = 24; // cards made at once
  const PATIENCE = 150; // milliseconds without a key before a search begins
  const form = byId("filters");
  const cards = byId("cards");
  const dialog = byId("viewer");
  let shown = []; // the groups that were asked for, each with its pairs
  let flat = []; // all those pairs
  let made = 0;
  let waiting = 0;
  let last = null; // the pair that was looked at last

  const makeMore = () => {
    const part = shown.slice(made, made + STEP).map(imgdedup.card);
    cards.append(...part);
    made += part.length;
  };

  const tell = () => {
    const groups = imgdedup.plural(shown.length, "group", "groups");
    byId("count").textContent = shown.length
      ? `${groups}, ${imgdedup.plural(flat.length, "copy", "copies")}`
      : "No group is as asked.";
    const { search, sort, ...rest } = imgdedup.asked(form);
    const active = Object.keys(rest).length;
    byId("active").textContent = active ? ` (${active})` : "";
  };

  const refresh = () => {
    const asked = imgdedup.asked(form);
    shown = imgdedup.found(asked);
    flat = shown.flatMap(({ pairs }) => pairs);
    cards.replaceChildren();
    made = 0;
    makeMore();
    tell();
    const text = new URLSearchParams(asked).toString();
    window.history.replaceState(null, "", text ? `#${text}` : window.location.pathname + window.location.search);
  };

  const showMarks = () => {
    const { same, different, open } = imgdedup.countMarks();
    const total = same + different;
    const words = total ? `${same} same, ${different} different` : "No marks";
    const warning = imgdedup.keepsMarks() ? "" : ". This browser keeps no marks: export before you leave.";
    byId("marks").textContent = words + (open && total ? ` (${open} not exported)` : "") + warning;
    byId("export").disabled = !imgdedup.hasMarks();
    for (const tile of cards.querySelectorAll(".tile")) imgdedup.showMark(tile);
    if (dialog.open) imgdedup.showViewedMark();
  };

  imgdedup.marksChanged = showMarks; // in another tab

  const view = (pair) => {
    last = pair;
    const words = `${imgdedup.number(flat.indexOf(pair) + 1)} of ${imgdedup.number(flat.length)}`;
    imgdedup.view(pair, `${words} · group ${imgdedup.visible(pair.group.id)}`);
  };

  const focused = () => (document.activeElement?.classList.contains("tile") ? document.activeElement : null);

  const step = (by) => {
    const known = imgdedup.viewed();
    if (known) {
      const next = flat[flat.indexOf(known) + by];
      if (next) view(next);
      return;
    }
    const tiles = [...cards.querySelectorAll(".tile")];
    const place = tiles.indexOf(focused());
    const next = tiles[place < 0 ? 0 : place + by];
    if (next) {
      next.focus();
      next.scrollIntoView({ block: "nearest" });
    }
    if (place + by >= tiles.length - 4) makeMore();
  };

  const decide = (verdict) => {
    const pair = imgdedup.viewed() || focused()?.pair;
    if (!pair || !imgdedup.mayMark(pair)) return;
    if (verdict === "none") imgdedup.unmark(pair);
    else imgdedup.mark(pair, verdict, imgdedup.reason());
    showMarks();
  };

  const keys = {
    n: () => step(1),
    ArrowRight: () => step(1),
    p: () => step(-1),
    ArrowLeft: () => step(-1),
    s: () => decide("same"),
    d: () => decide("different"),
    u: () => decide("none"),
    "/": () => !dialog.open && byId("search").focus(),
  };

  const isTyping = ({ tagName, type }) =>
    ["SELECT", "TEXTAREA"].includes(tagName) || (tagName === "INPUT" && type !== "checkbox");

  document.addEventListener("keydown", (event) => {
    const key = keys[event.key];
    if (!key || event.ctrlKey || event.metaKey || event.altKey) return;
    if (isTyping(event.target) || byId("who").open) return;
    event.preventDefault();
    key();
  });

  cards.addEventListener("click", (event) => {
    const tile = event.target.closest(".tile");
    if (tile) view(tile.pair);
  });

  // Where the person has come to in the large view, the person goes on among the cards.
  const follow = () => {
    for (const tile of cards.querySelectorAll(".tile")) if (tile.pair === last) tile.focus();
  };
  dialog.addEventListener("close", follow);

  const later = () => {
    window.clearTimeout(waiting);
    waiting = window.setTimeout(refresh, PATIENCE);
  };
  form.addEventListener("input", (event) => {
    if (["search", "least", "most"].includes(event.target.name)) later();
    else refresh();
  });
  form.addEventListener("reset", () => window.setTimeout(refresh, 0));
  form.addEventListener("submit", (event) => event.preventDefault());

  byId("previous").addEventListener("click", () => step(-1));
  byId("next").addEventListener("click", () => step(1));
  for (const verdict of ["same", "different"]) byId(verdict).addEventListener("click", () => decide(verdict));
  byId("undo").addEventListener("click", () => decide("none"));

  const exportMarks = () => {
    imgdedup.download();
    showMarks();
  };
  byId("export").addEventListener("click", () => {
    if (imgdedup.reviewer()) exportMarks();
    else byId("who").showModal();
  });
  byId("who").addEventListener("close", () => {
    const name = byId("reviewer").value.trim();
    if (byId("who").returnValue !== "yes" || !name) return;
    imgdedup.setReviewer(name);
    exportMarks();
  });

  new IntersectionObserver(
    (entries) => {
      if (entries.some((entry) => entry.isIntersecting) && made < shown.length) makeMore();
    },
    { rootMargin: "1200px" },
  ).observe(byId("sentinel"));

  // The first data are shown at once, the rest when all have come.
  imgdedup.arrived = () => {
    if (made) return;
    shown = imgdedup.found({});
    makeMore();
  };
  document.addEventListener("DOMContentLoaded", () => {
    imgdedup.offer(form);
    imgdedup.ask(form, window.location.hash.slice(1));
    if (Object.keys(imgdedup.asked(form)).some((name) => !["search", "sort"].includes(name))) byId("more").open = true;
    refresh();
    showMarks();
  });
  window.addEventListener("hashchange", () => {
    form.reset();
    imgdedup.ask(form, window.location.hash.slice(1));
    refresh();
  });
})();
