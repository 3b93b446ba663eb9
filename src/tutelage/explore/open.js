"use strict";
// The two tabs, and what starts the page.

function open() {
  const views = { one: new OneTeacher(document.getElementById("one"), GIVEN),
    two: new TwoTeachers(document.getElementById("two")) };
  const tabs = [...document.querySelectorAll('[role="tab"]')];
  const choose = (tab) => {
    for (const other of tabs) {
      const chosen = other === tab, panel = document.getElementById(other.getAttribute("aria-controls"));
      other.setAttribute("aria-selected", String(chosen));
      other.tabIndex = chosen ? 0 : -1;
      panel.hidden = !chosen;
    }
    const view = views[tab.getAttribute("aria-controls")];
    if (view.shown) view.draw();
    else view.changed();
  };
  tabs.forEach((tab, i) => {
    tab.addEventListener("click", () => choose(tab));
    tab.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (!step) return;
      const next = tabs[(i + step + tabs.length) % tabs.length];
      next.focus();
      choose(next);
    });
  });
}

open();
