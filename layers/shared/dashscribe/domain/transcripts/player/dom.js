/** The few DOM shortcuts that the page uses. Text only ever goes in as text. */

export function byId(id) {
  return document.getElementById(id);
}

/** An element with properties, `data-` attributes and children; strings among the children become text nodes. */
export function element(tag, { data = {}, attributes = {}, ...properties } = {}, children = []) {
  const made = Object.assign(document.createElement(tag), properties);
  Object.assign(made.dataset, data);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

/** Whether keys that are typed belong to this element. */
export function isTextField(target) {
  return (
    target instanceof HTMLElement &&
    (target.isContentEditable || target.matches("textarea, select, input:not([type=range]):not([type=button])"))
  );
}

/** Sets only what changes, so that an unchanged value costs no layout. */
export function setText(target, text) {
  if (target.textContent !== text) target.textContent = text;
}
