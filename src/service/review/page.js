// Shows a picture as it is while its button, or a key on it, is held. Nothing else of these pages needs a script.
"use strict";

for (const button of document.querySelectorAll("[data-reveal]")) {
  const figure = button.closest("figure");
  const image = figure.querySelector("img");
  const blurred = image.src;
  let held = null;

  async function hold() {
    if (held) return;
    const holding = (held = new AbortController());
    button.setAttribute("aria-pressed", "true");
    try {
      const answer = await fetch(button.dataset.reveal, {
        method: "POST",
        body: new URLSearchParams({ csrf: button.dataset.token }),
        signal: holding.signal,
        redirect: "error",
      });
      if (!answer.ok) throw new Error(`not revealed: ${answer.status}; open the page again`);
      const picture = URL.createObjectURL(await answer.blob());
      // It may have been let go meanwhile.
      if (held !== holding) return URL.revokeObjectURL(picture);
      image.src = picture;
      figure.classList.add("revealed");
    } catch (error) {
      if (held === holding) button.textContent = error.message;
    }
  }

  function letGo() {
    if (!held) return;
    held.abort();
    held = null;
    button.setAttribute("aria-pressed", "false");
    figure.classList.remove("revealed");
    if (image.src !== blurred) {
      URL.revokeObjectURL(image.src);
      image.src = blurred;
    }
  }

  const isKey = (event) => event.key === " " || event.key === "Enter";
  button.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    button.setPointerCapture(event.pointerId);
    hold();
  });
  for (const end of ["pointerup", "pointercancel", "lostpointercapture", "blur"]) button.addEventListener(end, letGo);
  button.addEventListener("keydown", (event) => {
    if (!isKey(event)) return;
    event.preventDefault();
    if (!event.repeat) hold();
  });
  button.addEventListener("keyup", (event) => { if (isKey(event)) letGo(); });
  // A long touch opens no menu.
  button.addEventListener("contextmenu", (event) => event.preventDefault());
  window.addEventListener("blur", letGo);
  document.addEventListener("visibilitychange", letGo);
  button.hidden = false;
}
