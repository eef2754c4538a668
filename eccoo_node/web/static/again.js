// A page that answers a form stands in the browser's history as something that was sent. Back would ask to send it again,
// for nothing of what people read here is kept by a browser. So it stands there as the page that the form was on.
if (document.referrer.startsWith(location.origin + "/")) history.replaceState(null, "", document.referrer);
