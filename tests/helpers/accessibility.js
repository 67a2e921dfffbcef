// The faults that a script sees, and how many texts and controls it looked at.
() => {
    const faults = [];
    const say = (element, fault) => {
        const id = element.id ? `#${element.id}` : element.className?.baseVal ?? element.className ?? "";
        faults.push(`${element.tagName.toLowerCase()} ${id} "${(element.textContent ?? "").trim().slice(0, 40)}": ${fault}`);
    };
    const all = [...document.querySelectorAll("*")];
    const shows = (element) => {
        const { width, height } = element.getBoundingClientRect();
        return width > 1 && height > 1 && element.checkVisibility({ visibilityProperty: true, opacityProperty: true });
    };

    // Any CSS colour as red, green, blue from 0 to 255 and opacity from 0 to 1.
    const brush = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
    const parse = (colour) => {
        brush.clearRect(0, 0, 1, 1);
        brush.fillStyle = colour;
        brush.fillRect(0, 0, 1, 1);
        const [r, g, b, a] = brush.getImageData(0, 0, 1, 1).data;
        return [r, g, b, a / 255];
    };
    const over = ([r, g, b, a], below) => [r, g, b].map((value, at) => a * value + (1 - a) * below[at]);
    const luminance = (colour) => {
        const [r, g, b] = colour.map((value) => {
            const share = value / 255;
            return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
        });
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const contrast = (one, other) => {
        const [low, high] = [luminance(one), luminance(other)].sort((a, b) => a - b);
        return (high + 0.05) / (low + 0.05);
    };
    const dark = matchMedia("(prefers-color-scheme: dark)").matches
        && getComputedStyle(document.documentElement).colorScheme.includes("dark");
    const ground = (element) => {
        if (!element) return dark ? [18, 18, 18] : [255, 255, 255];
        return over(parse(getComputedStyle(element).backgroundColor), ground(element.parentElement));
    };
    const opacity = (element) => (element ? Number(getComputedStyle(element).opacity) * opacity(element.parentElement) : 1);

    let texts = 0;
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
        const element = walker.currentNode.parentElement;
        if (!walker.currentNode.data.trim() || !shows(element) || element.closest("script, style, noscript")) continue;
        texts += 1;
        const style = getComputedStyle(element);
        const below = ground(element);
        const [r, g, b, a] = parse(style.color);
        const size = parseFloat(style.fontSize);
        const enough = size >= 24 || (size >= 18.66 && style.fontWeight >= 700) ? 3 : 4.5;
        const found = contrast(over([r, g, b, a * opacity(element)], below), below);
        if (found < enough) say(element, `contrast ${found.toFixed(2)} of ${enough}`);
        if (size < 11) say(element, `letters of ${size} px`);
    }

    const controls = all.filter((each) => each.matches("a[href], button, input, select, textarea, summary, [tabindex]"));
    const seen = controls.filter((each) => shows(each) && each.tabIndex >= 0);
    for (const control of seen) {
        const boxes = [control, ...(control.labels ?? [])].map((each) => each.getBoundingClientRect());
        const inText = control.matches("a") && getComputedStyle(control).display === "inline";
        if (!inText && boxes.every((box) => box.width < 24 || box.height < 24)) {
            say(control, `target of ${boxes[0].width} x ${boxes[0].height} px`);
        }
        if (control.tabIndex > 0) say(control, "jumps the order of the tab key");
        if (control.closest("[aria-hidden=true]")) say(control, "can have the focus, and is hidden from who listens");
        if (control.matches("button")) {
            const below = ground(control.parentElement);
            const edge = contrast(over(parse(getComputedStyle(control).borderTopColor), below), below);
            if (edge < 3 && contrast(ground(control), below) < 3) say(control, `edge with contrast ${edge.toFixed(2)} of 3`);
        }
    }
    for (const element of all) {
        const { overflowX, overflowY } = getComputedStyle(element);
        const scrolls = (/auto|scroll/.test(overflowY) && element.scrollHeight > element.clientHeight + 1)
            || (/auto|scroll/.test(overflowX) && element.scrollWidth > element.clientWidth + 1);
        const reached = element.tabIndex >= 0 || seen.some((control) => element.contains(control));
        if (scrolls && element !== document.documentElement && !reached) say(element, "scrolls, but not by keyboard");
        for (const name of ["aria-labelledby", "aria-describedby", "aria-controls", "for", "headers"]) {
            for (const id of (element.getAttribute(name) ?? "").split(/\s+/).filter(Boolean)) {
                if (!document.getElementById(id)) say(element, `${name} names ${id}, which is not there`);
            }
        }
        if (element.matches("img:not([alt])")) say(element, "picture without alt");
    }
    const ids = all.map((each) => each.id).filter(Boolean);
    for (const id of new Set(ids.filter((each, at) => ids.indexOf(each) !== at))) faults.push(`the id ${id} stands twice`);
    const levels = all.filter((each) => each.matches("h1, h2, h3, h4, h5, h6")).map((each) => Number(each.tagName[1]));
    if (levels.filter((level) => level === 1).length !== 1) faults.push(`headings of level 1: ${levels}`);
    if (levels.some((level, at) => at && level > levels[at - 1] + 1)) faults.push(`a level is left out: ${levels}`);
    if (!document.documentElement.lang) faults.push("the page has no language");
    if (!document.title.trim()) faults.push("the page has no title");
    if (/user-scalable\s*=\s*no|maximum-scale/.test(document.querySelector("meta[name=viewport]")?.content ?? "")) {
        faults.push("the page cannot be enlarged");
    }
    if (document.documentElement.scrollWidth > innerWidth) faults.push(`wider than the window: ${document.documentElement.scrollWidth} px`);
    return { faults, texts, controls: seen.length };
}
