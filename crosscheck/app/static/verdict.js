// The answer in words, with the probability of each class.

const element = (id) => document.getElementById(id);

// Never 100 %, nor 0 %: no softmax gives that.
const percent = (share) =>
  share >= 0.9995 ? "over 99.9%" : share < 0.0005 ? "under 0.1%" : `${(100 * share).toFixed(1)}%`;

// Where the two most likely classes are shown with the same figure, neither is the answer.
function isUndecided({ probabilities }) {
  const [first, second] = probabilities.toSorted((one, other) => other - one);
  return percent(first) === percent(second);
}

export function inShort(answer, classes) {
  if (!answer.in_distribution) return "unlike all";
  if (isUndecided(answer)) return "undecided";
  return `${classes[answer.label]} ${percent(answer.probabilities[answer.label])}`;
}

// A row for each class, before there is an answer.
export function showClasses(classes) {
  const rows = classes.map((name) => {
    const row = document.createElement("li");
    const [label, share, bar] = ["span", "span", "div"].map((tag) => document.createElement(tag));
    label.textContent = name;
    bar.className = "share";
    bar.append(document.createElement("span"));
    row.append(label, share, bar);
    return row;
  });
  element("odds").replaceChildren(...rows);
  letScroll();
}

// On a phone, many classes are more than there is room for: the keyboard must reach what scrolls.
function letScroll() {
  const answer = element("answer");
  if (answer.scrollHeight > answer.clientHeight) answer.tabIndex = 0;
  else answer.removeAttribute("tabindex");
}

window.addEventListener("resize", letScroll);

export function showVerdict(answer, classes) {
  const unlike = !answer.in_distribution;
  say(inWords(answer, classes), distance(answer), unlike);
  const rows = element("odds").children;
  answer.probabilities.forEach((share, label) => {
    rows[label].children[1].textContent = percent(share);
    rows[label].children[2].firstChild.style.width = `${100 * share}%`;
  });
}

export function showNoVerdict() {
  say("Draw, or choose an image.", "", false);
}

function say(verdict, distance, unlike) {
  Object.assign(element("verdict"), { textContent: verdict, title: verdict });
  element("distance").textContent = distance;
  element("answer").classList.toggle("unlike", unlike);
}

function inWords(answer, classes) {
  if (!answer.in_distribution) return "Unlike its training images";
  if (isUndecided(answer)) return "Undecided";
  return `${classes[answer.label]}, ${percent(answer.probabilities[answer.label])}`;
}

function distance(answer) {
  if (answer.ood_score === null) return "No detector here: the network answers anything that it is shown.";
  const far = `Distance to the training images: ${answer.ood_score.toFixed(2)} (limit 1).`;
  return answer.in_distribution ? far : `${far} The probabilities mean nothing.`;
}
