// A file is chosen by a button in the page's own words; without scripts the browser's own control stands there.
(function () {
  "use strict";
  document.querySelectorAll("input[type=file]").forEach(function (input) {
    var button = document.createElement("label"), name = document.createElement("span");
    function tell() { name.textContent = input.files.length ? input.files[0].name : "尚未选择文件"; }
    button.className = "button pick";
    button.htmlFor = input.id;
    button.textContent = "选择文件";
    name.className = "picked";
    name.setAttribute("aria-hidden", "true"); // the control itself, hidden from the eye only, tells it to readers
    input.classList.add("picker");
    input.after(button, name);
    input.addEventListener("change", tell);
    window.addEventListener("pageshow", tell);
    tell();
  });
})();
