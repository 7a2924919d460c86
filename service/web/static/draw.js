// The drawn signature: strokes as point lists, kept through a turned phone, sent with the form.
(function () {
  "use strict";
  var canvas = document.getElementById("pad");
  var next = document.getElementById("next");
  var field = document.getElementById("strokes");
  document.getElementById("board").hidden = false;
  var pad = new window.SignaturePad(canvas, { minWidth: 1.2, maxWidth: 3.2, penColor: "#12233a" });
  function fit() {
    var kept = pad.toData();
    var ratio = Math.max(window.devicePixelRatio || 1, 1);
    canvas.width = canvas.offsetWidth * ratio;
    canvas.height = canvas.offsetHeight * ratio;
    canvas.getContext("2d").scale(ratio, ratio);
    pad.fromData(kept);
    tell();
  }
  function tell() { next.disabled = pad.isEmpty(); }
  pad.addEventListener("endStroke", tell);
  document.getElementById("clear").addEventListener("click", function () { pad.clear(); tell(); });
  document.getElementById("undo").addEventListener("click", function () {
    var kept = pad.toData();
    kept.pop();
    pad.fromData(kept);
    tell();
  });
  next.addEventListener("click", function () {
    field.value = JSON.stringify(pad.toData().map(function (group) {
      return group.points.map(function (one) { return [Math.round(one.x * 10) / 10, Math.round(one.y * 10) / 10]; });
    }));
  });
  window.addEventListener("resize", fit);
  fit();
})();
