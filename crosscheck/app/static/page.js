// Draws, asks the server what the chosen network makes of the drawing, and shows its answer layer by layer.

import { Sheet } from "./sheet.js";
import { scaleOf, showLayers } from "./layers.js";

const REST = 250; // ms without a stroke after which the other networks are asked as well
const element = (id) => document.getElementById(id);

let networks = [];
let scales = {};
let chosen = 0;
let content = null; // what is looked at: the drawing as PNG, or the user's file
let busy = false;
let again = null; // of the strokes that came while it was busy: when the first came, and the newest one's file
let resting = 0;

const sheet = new Sheet(element("drawing"), element("pen"), (moved) => look(moved));

async function ask(network, epoch) {
  const where = new URLSearchParams({ network, ...(epoch === null ? {} : { epoch }) });
  const answer = await fetch(`look?${where}`, {
    method: "POST",
    headers: { "Content-Type": content.type || "image/unknown" },
    body: content,
  });
  if (!answer.ok) {
    const reason = await answer.json().catch(() => ({}));
    throw new Error(typeof reason.detail === "string" ? reason.detail : `the server answered ${answer.status}`);
  }
  const bytes = new Uint8Array(await answer.arrayBuffer());
  const end = bytes.indexOf(10);
  return { ...JSON.parse(new TextDecoder().decode(bytes.subarray(0, end))), maps: bytes.subarray(end + 1) };
}

// One question at a time, and always about the newest drawing.
async function look(began = performance.now(), file = null) {
  if (busy) {
    again = { began: again?.began ?? began, file };
    return;
  }
  busy = true;
  again = null;
  try {
    content = file ?? sheet.png();
    const asked = chosen;
    const answer = await ask(asked, epoch());
    if (file) sheet.show(answer.layers[0], answer.maps);
    if (asked === chosen) {
      networks.forEach((_, index) => (element(`answer-${index}`).textContent = ""));
      showVerdict(answer);
      showLayers(element("layers"), answer, networks[chosen], scales);
      const took = performance.now() - began;
      element("time").textContent = `Answered in ${took.toFixed(0)} ms.`;
      document.body.dataset.answers = Number(document.body.dataset.answers ?? 0) + 1;
      document.body.dataset.milliseconds = took.toFixed(1);
    }
    element("problem").textContent = "";
  } catch (error) {
    element("problem").textContent = `No answer: ${error.message}.`;
    content = null;
  }
  busy = false;
  if (again) {
    look(again.began, again.file);
  } else {
    clearTimeout(resting);
    resting = setTimeout(compare, REST);
  }
}

// When the pen rests, every network says what it makes of the drawing.
async function compare() {
  element("spoken").textContent = `${element("verdict").textContent} ${element("distance").textContent}`;
  for (let network = 0; network < networks.length && !busy && content; network += 1) {
    try {
      const answer = await ask(network, null);
      element(`answer-${network}`).textContent = sheet.empty ? "" : inShort(answer, networks[network]);
    } catch {
      element(`answer-${network}`).textContent = "no answer";
    }
  }
}

function epoch() {
  const epochs = networks[chosen].epochs;
  const place = Number(element("epoch").value);
  return place < epochs.length ? epochs[place] : null;
}

// Never 100 %, nor 0 %: no softmax gives that.
const percent = (share) =>
  share >= 0.9995 ? "over 99.9%" : share < 0.0005 ? "under 0.1%" : `${(100 * share).toFixed(1)}%`;

function inShort(answer, network) {
  return answer.in_distribution ? `${network.classes[answer.label]} ${percent(answer.probabilities[answer.label])}` : "unlike all";
}

function showVerdict(answer) {
  const { classes } = networks[chosen];
  const verdict = element("verdict");
  verdict.classList.toggle("unlike", !sheet.empty && !answer.in_distribution);
  element("odds").classList.toggle("unlike", sheet.empty || !answer.in_distribution);
  verdict.textContent = sheet.empty
    ? "Nothing is drawn yet."
    : answer.in_distribution
      ? `${classes[answer.label]}, ${percent(answer.probabilities[answer.label])}`
      : "Unlike anything it was trained on";
  element("distance").textContent =
    answer.ood_score === null
      ? "For this state of the network, nothing tells what it knows: it guesses at anything."
      : `Distance to training images: ${answer.ood_score.toFixed(2)} of the limit.`;
  const rows = element("odds").children;
  answer.probabilities.forEach((share, label) => {
    rows[label].children[1].textContent = percent(share);
    rows[label].children[2].value = share;
  });
  element("drawing").setAttribute("aria-label", sheet.empty ? "Drawing, empty" : `Drawing. ${verdict.textContent}`);
}

function choose(index) {
  chosen = index;
  const network = networks[index];
  element("about").textContent = `${network.name}: ${network.about}.`;
  element("odds").replaceChildren(
    ...network.classes.map((name) => {
      const row = document.createElement("li");
      const [label, share, bar] = ["span", "span", "meter"].map((tag) => document.createElement(tag));
      label.textContent = name;
      bar.max = 1;
      bar.setAttribute("aria-label", `probability of ${name}`);
      row.append(label, share, bar);
      return row;
    }),
  );
  element("layers").replaceChildren();
  element("animation").hidden = !network.epochs.length;
  element("epoch").max = network.epochs.length;
  element("epoch").value = network.epochs.length;
  showEpoch();
  const width = sheet.fit(network);
  element("width").max = 3 * width;
  element("width").value = width;
  showWidth();
  look();
}

function showEpoch() {
  element("epoch-shown").textContent = epoch() === null ? "trained" : `after epoch ${epoch()}`;
}

function showWidth() {
  sheet.width = Number(element("width").value);
  element("width-shown").textContent = `${sheet.width} px`;
}

async function start() {
  try {
    const found = await (await fetch("networks")).json();
    ({ networks } = found);
    scales = Object.fromEntries(Object.entries(found.palettes).map(([name, colours]) => [name, scaleOf(colours)]));
  } catch {
    element("problem").textContent = "The server does not answer; start it again with make demo.";
    return;
  }
  networks.forEach((network, index) => {
    const label = document.createElement("label");
    const [radio, name, answer] = ["input", "span", "output"].map((tag) => document.createElement(tag));
    Object.assign(radio, { type: "radio", name: "network", value: index, checked: index === 0 });
    radio.addEventListener("change", () => choose(index));
    name.textContent = network.name;
    answer.id = `answer-${index}`;
    label.append(radio, name, answer);
    element("networks").append(label);
  });
  element("undo").addEventListener("click", () => sheet.undo());
  element("clear").addEventListener("click", () => sheet.clear());
  element("width").addEventListener("input", showWidth);
  element("epoch").addEventListener("input", () => {
    showEpoch();
    look();
  });
  element("file").addEventListener("change", (event) => {
    if (event.target.files[0]) look(performance.now(), event.target.files[0]);
    event.target.value = "";
  });
  const over = (yes) => element("sheet").classList.toggle("over", yes);
  document.addEventListener("dragover", (event) => {
    event.preventDefault();
    over(true);
  });
  document.addEventListener("dragleave", () => over(false));
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    over(false);
    if (event.dataTransfer.files[0]) look(performance.now(), event.dataTransfer.files[0]);
  });
  choose(0);
}

start();
