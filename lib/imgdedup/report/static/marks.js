"use strict";
// The marks of the person who looks: kept in this browser, exported as one file.

(() => {
  const FOLDER = new URL("..", document.baseURI).href; // of this report: marks stay when it is renewed
  const PLACE = `imgdedup.marks ${FOLDER}`;
  const CONTENT = /^[0-9a-f]{64}$/;
  const WHO = "imgdedup.reviewer";
  const marks = new Map();
  let reviewer = "";
  let kept = true; // whether this browser keeps the marks

  const read = (place) => {
    try {
      return window.localStorage.getItem(place);
    } catch {
      kept = false;
      return null;
    }
  };

  const write = (place, text) => {
    try {
      window.localStorage.setItem(place, text);
    } catch {
      kept = false;
    }
  };

  const load = () => {
    reviewer = read(WHO) || "";
    marks.clear();
    try {
      for (const [key, mark] of JSON.parse(read(PLACE) || "[]")) {
        if (mark && ["same", "different", "none"].includes(mark.verdict)) marks.set(key, mark);
      }
    } catch {
      marks.clear(); // another program's text
    }
  };

  const store = () => write(PLACE, JSON.stringify([...marks]));

  const keyOf = (pair) => [pair.keeper.content, pair.copy.content].sort().join(" ");

  // Equal bytes are one content, and need no verdict. A verdict names two contents.
  imgdedup.mayMark = ({ keeper, copy }) =>
    keeper.content !== copy.content && CONTENT.test(keeper.content) && CONTENT.test(copy.content);

  imgdedup.markOf = (pair) => {
    const mark = marks.get(keyOf(pair));
    return mark && mark.verdict !== "none" ? mark : null;
  };

  // Without a reason, the reason of the last mark stays.
  imgdedup.mark = (pair, verdict, reason = marks.get(keyOf(pair))?.reason ?? "") => {
    const [left, right] =
      pair.keeper.content < pair.copy.content ? [pair.keeper, pair.copy] : [pair.copy, pair.keeper];
    marks.set(keyOf(pair), {
      left_content: left.content,
      right_content: right.content,
      left_id: left.name,
      right_id: right.name,
      verdict,
      reviewed_at: new Date().toISOString(),
      reason,
    });
    store();
  };

  // Take a mark back. One that was exported before is exported as "none".
  imgdedup.unmark = (pair) => {
    const known = marks.get(keyOf(pair));
    if (!known) return;
    if (known.exported) imgdedup.mark(pair, "none");
    else marks.delete(keyOf(pair));
    store();
  };

  imgdedup.countMarks = () => {
    const counts = { same: 0, different: 0, none: 0, open: 0 };
    for (const mark of marks.values()) {
      counts[mark.verdict] += 1;
      if (!mark.exported) counts.open += 1;
    }
    return counts;
  };

  imgdedup.hasMarks = () => marks.size > 0;
  imgdedup.keepsMarks = () => kept;
  imgdedup.reviewer = () => reviewer;

  imgdedup.setReviewer = (name) => {
    reviewer = name;
    write(WHO, name);
  };

  // The file of all marks, as `make verdicts` reads it.
  imgdedup.reviews = () => ({
    imgdedup: "reviews",
    version: 1,
    reviews: [...marks.values()].map(({ exported, ...mark }) => ({ ...mark, reviewer })),
  });

  imgdedup.download = () => {
    const text = JSON.stringify(imgdedup.reviews(), null, 1) + "\n";
    const address = URL.createObjectURL(new Blob([text], { type: "application/json" }));
    imgdedup.element("a", { href: address, download: "imgdedup-reviews.json" }).click();
    window.setTimeout(() => URL.revokeObjectURL(address), 60000);
    for (const mark of marks.values()) mark.exported = true;
    store();
  };

  window.addEventListener("beforeunload", (event) => {
    if (!kept && imgdedup.countMarks().open) event.preventDefault();
  });

  // Another tab has marked: its marks join here, and are not written over.
  window.addEventListener("storage", ({ key }) => {
    if (key !== PLACE && key !== WHO) return;
    load();
    imgdedup.marksChanged();
  });

  load();
})();
