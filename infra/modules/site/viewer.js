// To the load balancer every request comes from CloudFront. Its firewall and the service count clients by this header, which
// is written here whatever the client has sent by that name.
function handler(event) {
  var request = event.request;
  request.headers['${header}'] = { value: network(event.viewer.ip) };
  return request;
}

// What one client is known by, as in the service: an IPv4 address, or the first 64 bits of an IPv6 one, because within
// those it can choose any (RFC 4291, section 2.5.4).
function network(ip) {
  var address = ip.replace(/^::ffff:([0-9.]+)$/i, '$1');
  if (address.indexOf(':') === -1) {
    return address;
  }
  var sides = address.split('::');
  var groups = sides[0].split(':');
  if (sides.length === 2) {
    var last = sides[1].split(':');
    while (groups.length + last.length < 8) {
      groups.push('0');
    }
    groups = groups.concat(last);
  }
  return groups.slice(0, 4).map(function (group) { return group || '0'; }).join(':') + '::';
}
