// 现场签订: a page that nobody touches goes back to the list of names; the server has ended the session by then.
(() => {
  const { to, seconds } = document.currentScript.dataset;
  let timer;
  const wait = () => {
    clearTimeout(timer);
    timer = setTimeout(() => location.assign(to), Number(seconds) * 1000);
  };
  for (const act of ["pointerdown", "keydown", "scroll"]) addEventListener(act, wait, { passive: true });
  wait();
})();
