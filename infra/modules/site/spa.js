// The pages of a single-page application are made in the browser: every address that names no file is answered
// with the application. Errors are not rewritten, so that the API's 404 stays one and a missing file too.
function handler(event) {
  var request = event.request;
  var last = request.uri.substring(request.uri.lastIndexOf('/') + 1);
  if (last.indexOf('.') === -1) {
    request.uri = '/index.html';
  }
  return request;
}
