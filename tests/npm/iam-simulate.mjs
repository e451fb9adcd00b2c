// AWS's evaluation of identity policies, by @cloud-copilot/iam-simulate, whose licence is the AGPL: it is
// installed for the tests and no part of what is deployed.
//
// Argument: the folder that holds node_modules. Reads one JSON question per line,
// {"policies": [documents], "action", "resource", "context"}, and answers each with {"ok": "Allowed"},
// {"ok": "ImplicitlyDenied"} or {"ok": "ExplicitlyDenied"}, or {"error": …} where the question is none.
// Ends when its standard input ends.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import readline from 'node:readline';
import { pathToFileURL } from 'node:url';

const say = (answer) => process.stdout.write(`${JSON.stringify(answer)}\n`);
process.on('uncaughtException', (error) => {
  say({ error: error.message });
  process.exit(1);
});

const [tools] = process.argv.slice(2);
const home = join(tools, 'node_modules/@cloud-copilot/iam-simulate');
const { exports } = JSON.parse(readFileSync(join(home, 'package.json')));
const { runSimulation } = await import(pathToFileURL(join(home, exports['.'].import)));

async function evaluate({ policies, action, resource, context }) {
  const accountId = '123456789012';
  const { errors, overallResult } = await runSimulation(
    {
      request: {
        principal: `arn:aws:iam::${accountId}:role/evaluated`,
        action,
        resource: { resource, accountId },
        contextVariables: context,
      },
      identityPolicies: policies.map((policy, number) => ({ name: `${number}`, policy })),
      serviceControlPolicies: [],
      resourceControlPolicies: [],
    },
    {},
  );
  if (errors) throw new Error(JSON.stringify(errors));
  return overallResult;
}

say({ ok: null });
for await (const line of readline.createInterface({ input: process.stdin })) {
  try {
    say({ ok: await evaluate(JSON.parse(line)) });
  } catch (error) {
    say({ error: String(error.message) });
  }
}
