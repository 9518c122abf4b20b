'use strict';
// What the scripts for node use: their arguments, a check that tells, and the end of the daemon.
// They are run as the Python ones are (common.py).
const assert = require('assert');
const net = require('net');
const path = require('path');

const [host, port, , pid, ...login] = process.argv.slice(2);
let checks = 0;
// Until everything was seen: node ends well when it only waits for what cannot come any more.
process.exitCode = 1;

/** `got` must be `expected`, of the same types throughout; or else the script ends. */
function check(what, got, expected) {
  checks += 1;
  assert.deepStrictEqual(got, expected, `${what}: got ${show(got)}, expected ${show(expected)}`);
}

function show(value) {
  return String(JSON.stringify(value)).slice(0, 200);
}

/** The promise must end in an error whose text holds `words`. */
async function fails(what, words, promise) {
  let text = 'no error';
  try {
    await promise;
  } catch (error) {
    text = String(error.message || error);
  }
  check(`${what}: ${text}`, text.includes(words), true);
}

/** The daemon's answer to a line, up to its first line's end. */
function ask(line) {
  return new Promise((resolve, reject) => {
    const socket = net.connect(Number(port), host, () => socket.write(`${line}\r\n`));
    socket.once('data', (data) => {
      socket.end();
      resolve(data.toString().split('\r\n')[0]);
    });
    socket.once('error', reject);
  });
}

/** Ends the daemon, and returns once it is no more. */
async function stopDaemon() {
  process.kill(Number(pid), 'SIGTERM');
  for (let n = 0; n < 1000; n += 1) {
    try {
      process.kill(Number(pid), 0);
    } catch {
      return;
    }
    await new Promise((resume) => setTimeout(resume, 10));
  }
  throw new Error('the daemon did not end');
}

/** Runs the script; `name` is the package. */
function run(name, main) {
  main().then(() => {
    const { version } = require(path.join(__dirname, 'node_modules', name, 'package.json'));
    console.log(`${name} ${version}: ${checks} checks passed`);
    process.exit(0);
  }, (error) => {
    console.log(error.message || error);
    process.exit(1);
  });
}

module.exports = { server: `${host}:${port}`, login, ask, check, fails, stopDaemon, run };
