"use strict";
// What moves on a page. Without it, all of the page can still be read.

// A link opens what is folded around its end. It scrolls by script: MLflow shows this page in a frame without an address.
function unfold(id) {
  const end = document.getElementById(id);
  for (let fold = end; fold; fold = fold.parentElement) if (fold.tagName === "DETAILS") fold.open = true;
  if (end) end.scrollIntoView();
}
document.addEventListener("click", event => {
  const link = event.target.closest("a[href^='#']");
  const id = link && link.getAttribute("href").slice(1);
  if (!id || !document.getElementById(id)) return;
  event.preventDefault();
  unfold(id);
  if (location.protocol !== "about:") try { history.pushState(null, "", "#" + id); } catch { /* a frame may not */ }
});
const unfoldHere = () => unfold(decodeURIComponent(location.hash.slice(1)));
addEventListener("popstate", unfoldHere);
if (location.hash) unfoldHere();
// The documentation is beside the page in the project's folder, and not in a frame.
if (parent !== window) for (const link of document.querySelectorAll("a.page")) link.removeAttribute("href");

// Where a picture is drawn smaller than it is, a tap on it or on its button shows it at its full size.
const viewer = document.getElementById("viewer"), pane = viewer.querySelector(".pane");
for (const button of document.querySelectorAll("button.enlarge")) {
  const figure = button.parentElement;
  const picture = () => figure.querySelector("img:not([hidden])");
  const isSmall = () => picture().clientWidth < picture().naturalWidth;
  const enlarge = () => {
    const copy = new Image();
    copy.src = picture().src;
    copy.alt = picture().alt;
    pane.replaceChildren(copy);
    viewer.showModal();
  };
  new ResizeObserver(() => figure.classList.toggle("small", isSmall())).observe(figure);
  button.addEventListener("click", enlarge);
  figure.addEventListener("click", event => { if (event.target === picture() && isSmall()) enlarge(); });
}

// The animation. Its keys are its own only while it, or something in it, has the focus: elsewhere Space scrolls the page.
const player = document.getElementById("player");
if (player) {
  const frames = player.querySelectorAll("img");
  const [button, slider, which] = ["play", "epoch", "which"].map(id => document.getElementById(id));
  let timer = null;
  const show = number => {
    frames.forEach((frame, place) => { frame.hidden = place !== number; });
    slider.value = number;
    which.textContent = frames[number].dataset.moment;
    slider.setAttribute("aria-valuetext", which.textContent);
  };
  const pause = () => {
    clearInterval(timer);
    timer = null;
    button.textContent = "Play";
  };
  const step = by => show((Number(slider.value) + by + frames.length) % frames.length);
  const toggle = () => {
    if (timer !== null) { pause(); return; }
    button.textContent = "Pause";
    timer = setInterval(() => step(1), 900);
  };
  button.addEventListener("click", toggle);
  slider.addEventListener("input", () => { pause(); show(Number(slider.value)); });
  player.addEventListener("keydown", event => {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    if (event.key === " " && event.target.tagName !== "BUTTON") { event.preventDefault(); toggle(); }
    if (event.target === slider) return;
    if (event.key === "ArrowRight") { event.preventDefault(); pause(); step(1); }
    if (event.key === "ArrowLeft") { event.preventDefault(); pause(); step(-1); }
  });
  show(0);
  player.querySelector(".controls").hidden = false;
}
