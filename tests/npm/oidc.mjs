// A certified OpenID provider (oidc-provider) on a loopback port, for the client credentials grant,
// with access tokens as JWTs (RFC 9068).
//
// Argument: the folder that holds node_modules. Reads one JSON command per line and answers each
// with one JSON line {"ok": …} or {"error": …}; the first line is {"ok": the issuer}. Ends when its
// standard input ends.

import crypto from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import { join } from 'node:path';
import readline from 'node:readline';
import { pathToFileURL } from 'node:url';

// Standard output is for answers; the provider has much to say to developers.
console.info = console.log = console.error;
const say = (answer) => process.stdout.write(`${JSON.stringify(answer)}\n`);
process.on('uncaughtException', (error) => {
  say({ error: error.message });
  process.exit(1);
});

const [tools] = process.argv.slice(2);
const home = join(tools, 'node_modules/oidc-provider');
const { main } = JSON.parse(readFileSync(join(home, 'package.json')));
const { default: Provider } = await import(pathToFileURL(join(home, main)));

const SCOPES = ['contacts:read', 'contacts:write', 'tokens'];
const ALGORITHMS = {
  RS256: () => crypto.generateKeyPairSync('rsa', { modulusLength: 2048 }),
  ES256: () => crypto.generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  EdDSA: () => crypto.generateKeyPairSync('ed25519'),
};

const server = http.createServer();
await once(server.listen(0, '127.0.0.1'), 'listening');
const issuer = `http://127.0.0.1:${server.address().port}`;
const secret = crypto.randomUUID();
const clientId = (algorithm, subject) => `${algorithm}.${subject}`;

let keys = [];
let published = [];
let handle;
let ttl = 3600;
let jwksFetches = 0;
let jwksGate = Promise.resolve();
let openJwks = () => {};

function newKeys(keepOld) {
  keys = Object.entries(ALGORITHMS).map(([alg, generate]) => {
    const { privateKey } = generate();
    return { ...privateKey.export({ format: 'jwk' }), alg, use: 'sig', kid: crypto.randomUUID() };
  });
  published = keepOld ? [...keys, ...published] : keys;
}

// A provider cannot change its keys or clients while it runs, so it is replaced by one of the same
// issuer.
const subjects = new Set(['service']);
function replaceProvider() {
  const provider = new Provider(issuer, {
    jwks: { keys: published },
    clients: Object.keys(ALGORITHMS).flatMap((alg) =>
      [...subjects].map((subject) => ({
        client_id: clientId(alg, subject),
        client_secret: secret,
        grant_types: ['client_credentials'],
        redirect_uris: [],
        response_types: [],
      })),
    ),
    scopes: SCOPES,
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: (_context, audience, client) => ({
          audience,
          scope: SCOPES.join(' '),
          accessTokenFormat: 'jwt',
          accessTokenTTL: ttl,
          jwt: { sign: { alg: client.clientId.split('.')[0] } },
        }),
      },
    },
  });
  handle = provider.callback();
}

server.on('request', async (request, response) => {
  if (request.url === '/jwks') {
    jwksFetches += 1;
    await jwksGate;
  }
  handle(request, response);
});

const base64url = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');

const commands = {
  // An access token, as any client of the provider would get it.
  async token({ algorithm, audience, scope, subject = 'service', expires_in = 3600 }) {
    ttl = expires_in;
    if (!subjects.has(subject)) {
      subjects.add(subject);
      replaceProvider();
    }
    const answer = await fetch(`${issuer}/token`, {
      method: 'POST',
      body: new URLSearchParams({
        grant_type: 'client_credentials',
        client_id: clientId(algorithm, subject),
        client_secret: secret,
        resource: audience,
        ...(scope && { scope }),
      }),
    });
    const body = await answer.json();
    if (!answer.ok) throw new Error(JSON.stringify(body));
    return body.access_token;
  },
  // A token that the provider would not issue (expired, foreign, incomplete), signed with its key.
  sign({ algorithm, header = {}, claims }) {
    const jwk = keys.find(({ alg }) => alg === algorithm);
    const input = `${base64url({ alg: algorithm, kid: jwk.kid, typ: 'at+jwt', ...header })}.${base64url(claims)}`;
    const key = crypto.createPrivateKey({ key: jwk, format: 'jwk' });
    const signature = crypto.sign(
      algorithm === 'EdDSA' ? null : 'sha256',
      Buffer.from(input),
      algorithm === 'ES256' ? { key, dsaEncoding: 'ieee-p1363' } : key,
    );
    return `${input}.${signature.toString('base64url')}`;
  },
  rotate({ keep_old }) {
    newKeys(keep_old);
    replaceProvider();
  },
  jwks_fetches: () => jwksFetches,
  hold_jwks() {
    jwksGate = new Promise((resolve) => (openJwks = resolve));
  },
  release_jwks: () => openJwks(),
};

newKeys(false);
replaceProvider();
say({ ok: issuer });
for await (const line of readline.createInterface({ input: process.stdin })) {
  const [name, argument] = Object.entries(JSON.parse(line))[0];
  try {
    say({ ok: (await commands[name](argument)) ?? null });
  } catch (error) {
    say({ error: String(error.message) });
  }
}
process.exit(0);
