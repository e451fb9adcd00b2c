// To the load balancer every request comes from CloudFront. Its firewall counts clients by this header, which is written
// here whatever the client has sent by that name.
function handler(event) {
  var request = event.request;
  request.headers['${header}'] = { value: event.viewer.ip };
  return request;
}
