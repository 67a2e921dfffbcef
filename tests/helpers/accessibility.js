// The rules of axe-core that pages of words, pictures and a few controls can break. Returns how many elements were
// looked at, and what is wrong, a line each: the rule, and where.
() => {
  const faults = [];
  const all = [...document.body.querySelectorAll("*")];
  const name = element => `<${element.tagName.toLowerCase()}${element.id ? ` id="${element.id}"` : ""}> ${(element.textContent || element.alt || "").trim().slice(0, 40)}`;
  const fault = (rule, element) => faults.push(`${rule}: ${element ? name(element) : "the page"}`);
  const check = (rule, selector, good) => document.querySelectorAll(selector).forEach(each => good(each) || fault(rule, each));
  const shown = element => element.checkVisibility({ visibilityProperty: true, opacityProperty: true });
  const ownText = element => [...element.childNodes].some(node => node.nodeType === 3 && node.data.trim());

  if (!document.documentElement.lang) fault("html-has-lang");
  if (!document.title.trim()) fault("document-title");
  if (document.querySelectorAll("main, [role=main]").length !== 1) fault("landmark-one-main");
  if (document.querySelectorAll("h1").length !== 1) fault("page-has-heading-one");
  check("meta-viewport", "meta[name=viewport]", each => !/user-scalable\s*=\s*(no|0)|maximum-scale\s*=\s*1\b/.test(each.content));

  // Landmarks hold all that is shown.
  const landmarks = "main, nav, aside, body > header, body > footer, dialog, [role=region][aria-label], section[aria-label]";
  for (const each of all) if ((ownText(each) || each.tagName === "IMG") && shown(each) && !each.closest(landmarks)) fault("region", each);
  const labels = [...document.querySelectorAll("nav")].map(each => each.getAttribute("aria-label") || "");
  if (new Set(labels).size < labels.length) fault("landmark-unique");

  let level = 0;
  for (const heading of document.querySelectorAll("h1, h2, h3, h4, h5, h6")) {
    const own = Number(heading.tagName[1]);
    if (own > level + 1) fault("heading-order", heading);
    if (!heading.textContent.trim()) fault("empty-heading", heading);
    level = own;
  }

  const ids = [...document.querySelectorAll("[id]")].map(each => each.id);
  document.querySelectorAll("[id]").forEach((each, place) => { if (ids.indexOf(each.id) !== place) fault("duplicate-id", each); });
  for (const attribute of ["aria-labelledby", "aria-describedby", "aria-controls", "for", "popovertarget"])
    check("aria-valid-attr-value", `[${attribute}]`, each => each.getAttribute(attribute).split(/\s+/).every(id => document.getElementById(id)));
  check("skip-link", "a[href^='#']", each => document.getElementById(decodeURIComponent(each.getAttribute("href").slice(1))));

  check("image-alt", "img", each => each.hasAttribute("alt"));
  check("image-redundant-alt", "figure > img[alt]", each => {
    const caption = each.parentElement.querySelector("figcaption");
    return !caption || caption.textContent.trim() !== each.alt.trim();
  });
  check("tabindex", "[tabindex]", each => each.tabIndex <= 0);
  check("nested-interactive", "a, button, summary", each => !each.querySelector("a, button, input, select, textarea, [tabindex]"));
  check("list", "ol, ul", each => [...each.children].every(child => ["LI", "SCRIPT", "TEMPLATE"].includes(child.tagName)));
  check("listitem", "li", each => ["OL", "UL", "MENU"].includes(each.parentElement.tagName));
  check("definition-list", "dl", each => [...each.children].every(child => ["DT", "DD", "DIV"].includes(child.tagName)));
  check("td-headers", "table", each => each.querySelector("th"));
  check("scope-attr-valid", "th", each => ["row", "col", "rowgroup", "colgroup"].includes(each.scope));
  check("empty-table-header", "th", each => each.textContent.trim());

  for (const each of all) {
    const style = getComputedStyle(each);
    const scrolls = [["overflowX", "Width"], ["overflowY", "Height"]].some(([way, side]) =>
      ["auto", "scroll"].includes(style[way]) && each[`scroll${side}`] > each[`client${side}`] + 1);
    if (scrolls && shown(each) && each.tabIndex < 0 && !each.querySelector("a[href], button, input, summary")) fault("scrollable-region-focusable", each);
    // A link within a sentence is as high as its line.
    if (each.matches("button, input, select, summary") && shown(each)) {
      const box = each.getBoundingClientRect();
      if (box.width < 24 || box.height < 24) fault("target-size", each);
    }
  }

  // Contrast, by WCAG's formula, against the nearest background that is not transparent.
  const parse = color => color.match(/[\d.]+/g).map(Number);
  const light = color => {
    const [r, g, b] = parse(color).map(value => value / 255).map(share => share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = element => {
    for (let each = element; each; each = each.parentElement) {
      const color = getComputedStyle(each).backgroundColor;
      if ((parse(color)[3] ?? 1) > 0) return color;
    }
    return "rgb(255, 255, 255)";
  };
  let texts = 0;
  for (const each of all) {
    if (!ownText(each) || !shown(each) || each.matches("script, style, option, :disabled")) continue;
    texts += 1;
    const style = getComputedStyle(each), size = parseFloat(style.fontSize);
    const enough = size >= 24 || size >= 18.66 && style.fontWeight >= 700 ? 3 : 4.5;
    const [ink, paper] = [light(style.color), light(behind(each))];
    const contrast = (Math.max(ink, paper) + 0.05) / (Math.min(ink, paper) + 0.05);
    if (contrast < enough) fault(`color-contrast ${contrast.toFixed(2)}`, each);
  }
  return { looked: all.length, texts, faults };
}
