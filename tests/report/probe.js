// Measures the report in the frames of this page and leaves what it found in the document, as JSON.
const crossing = (a, b) => Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1 && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 1;

function labels(drawing) {
  const box = drawing.getBoundingClientRect();
  const texts = [...drawing.querySelectorAll(":scope > text")].map(text => [text.textContent, text.getBoundingClientRect()]);
  const clipped = getComputedStyle(drawing).overflow === "hidden";
  const cut = texts.filter(([, at]) => clipped && (at.left < box.left - 1 || at.right > box.right + 1)).map(([said]) => said);
  const over = texts.flatMap(([said, at], i) => texts.slice(i + 1).filter(([, other]) => crossing(at, other)).map(([other]) => `${said} | ${other}`));
  return {cut, over};
}

function measure(frame) {
  const page = frame.contentDocument, found = {};
  found.width = page.documentElement.clientWidth;
  found.folded = page.documentElement.scrollWidth;
  page.querySelectorAll("details").forEach(part => part.open = true);
  found.unfolded = page.documentElement.scrollWidth;
  found.sideways = [...page.querySelectorAll(".wide")].filter(table => table.scrollWidth > table.clientWidth).map(table => table.closest("section")?.id);
  const drawings = [...page.querySelectorAll("svg")].filter(drawing => !drawing.parentElement.closest("svg"));
  found.drawings = drawings.length;
  const told = drawing => drawing.ariaHidden === "true" || (drawing.role === "img" && drawing.ariaLabel);
  found.silent = drawings.filter(drawing => !told(drawing)).map(drawing => drawing.outerHTML.slice(0, 200));
  found.figures = [...page.querySelectorAll("figure")].filter(figure => !figure.querySelector("svg[role=img], img[alt]:not([alt=''])")).map(figure => figure.outerHTML.slice(0, 200));
  found.cut = drawings.flatMap(drawing => labels(drawing).cut);
  found.over = drawings.flatMap(drawing => labels(drawing).over);
  return found;
}

addEventListener("load", () => {
  const found = [...document.querySelectorAll("iframe")].map(measure);
  document.body.textContent = JSON.stringify(found);
});
