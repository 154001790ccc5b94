// Mounts the button of the order that this page is about.
'use strict';
(() => {
  const place = document.getElementById('AmazonPayButton');
  if (place) countersign.mount('#AmazonPayButton', JSON.parse(place.dataset.registration));
})();
