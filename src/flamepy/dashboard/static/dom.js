// Elements from data, and a page that changes only where the data did.

const SVG = "http://www.w3.org/2000/svg";

/** An HTML element; children that are text become text nodes, never markup. */
export function h(name, attributes, ...children) {
  return fill(document.createElement(name), attributes, children);
}

/** An SVG element. */
export function s(name, attributes, ...children) {
  return fill(document.createElementNS(SVG, name), attributes, children);
}

/** SVG that the server has drawn, as an element of this document. */
export function picture(text) {
  const root = new DOMParser().parseFromString(text, "image/svg+xml").documentElement;
  return root.namespaceURI === SVG ? document.importNode(root, true) : h("p", null, "The picture cannot be shown.");
}

/**
 * Make the children of one element those of another, keeping every node that stays: its focus, its selection, its
 * place when scrolled. Nodes with data-key are recognised wherever they are.
 */
export function morphChildren(from, to) {
  const keyed = new Map();
  for (const child of from.childNodes) {
    if (keyOf(child)) keyed.set(keyOf(child), child);
  }
  let at = from.firstChild;
  for (const wanted of [...to.childNodes]) {
    const key = keyOf(wanted);
    const have = key ? keyed.get(key) : at && !keyOf(at) ? at : null;
    if (!have) {
      from.insertBefore(wanted, at);
    } else {
      if (have === at) at = at.nextSibling;
      else from.insertBefore(have, at);
      morph(have, wanted);
    }
  }
  while (at) {
    const next = at.nextSibling;
    at.remove();
    at = next;
  }
}

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value !== null && value !== undefined && value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  for (const child of children.flat(Infinity)) {
    if (child !== null && child !== undefined && child !== false) element.append(child);
  }
  return element;
}

function keyOf(node) {
  return node.nodeType === Node.ELEMENT_NODE ? node.getAttribute("data-key") : null;
}

function morph(from, to) {
  if (from.nodeType !== to.nodeType || from.nodeName !== to.nodeName || keyOf(from) !== keyOf(to)) {
    from.replaceWith(to);
  } else if (from.nodeType === Node.ELEMENT_NODE) {
    morphAttributes(from, to);
    morphChildren(from, to);
  } else if (from.data !== to.data) {
    from.data = to.data;
  }
}

function morphAttributes(from, to) {
  for (const { name } of [...from.attributes]) {
    if (!to.hasAttribute(name)) from.removeAttribute(name);
  }
  for (const { name, value } of to.attributes) {
    if (from.getAttribute(name) !== value) from.setAttribute(name, value);
  }
  // What somebody types stays; what the address says comes when they are elsewhere.
  if (from.nodeName === "INPUT" && from !== document.activeElement) from.value = to.getAttribute("value") ?? "";
}
