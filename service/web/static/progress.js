// Follows background work by server-sent events; without scripts, a link on the page does.
(function () {
  "use strict";
  var place = document.querySelector("[data-events]");
  if (!place || !window.EventSource) return;
  var source = new EventSource(place.dataset.events);
  source.onmessage = function (event) {
    var told = JSON.parse(event.data);
    told.steps.forEach(function (step) {
      var bar = place.querySelector('progress[data-key="' + step[0] + '"]');
      var words = place.querySelector('[data-count="' + step[0] + '"]');
      if (bar) { bar.max = step[3]; bar.value = step[2]; }
      if (words) words.textContent = step[2] + "/" + step[3];
    });
    if (!told.busy) { source.close(); window.location.reload(); }
  };
})();
