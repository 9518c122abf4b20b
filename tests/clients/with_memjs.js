'use strict';
// Every operation of memjs, in the binary protocol; given a login, after SASL.
const memjs = require('memjs');
const { server, login, check, fails, stopDaemon, run } = require('./common');

const quiet = { log() {} };
const options = { timeout: 10, retries: 1, logger: quiet };

function connect(username, password) {
  return memjs.Client.create(server, { ...options, username, password });
}

async function value(c, key) {
  const found = (await c.get(key)).value;
  return found && found.toString();
}

async function basics(c) {
  check('set', await c.set('k', 'v', { expires: 100 }), true);
  check('get', await value(c, 'k'), 'v');
  check('get, absent', await c.get('absent'), { value: null, flags: null });
  check('add, present', await c.add('k', 'w', {}), false);
  check('add', await c.add('new', 'w', {}), true);
  check('replace', await c.replace('k', 'mid', {}), true);
  check('replace, absent', await c.replace('absent', 'x', {}), false);
  check('append', await c.append('k', '>'), true);
  check('get after append', await value(c, 'k'), 'mid>');
  // Its prepend sends the opcode of append, in version 1.3.2.
  check('prepend', await c.prepend('k', '<'), true);
  check('get after prepend', await value(c, 'k'), 'mid><');
  await fails('append, absent', 'Item not stored', c.append('absent', 'x'));
  await fails('prepend, absent', 'Item not stored', c.prepend('absent', 'x'));
  check('delete', await c.delete('k'), true);
  check('delete, absent', await c.delete('k'), false);
  check('touch', await c.touch('new', 100), true);
  check('touch, absent', await c.touch('absent', 100), false);
}

async function expiry(c) {
  // What is longer than 30 days is a date, and this one is in 1970.
  check('set, already over', await c.set('e', 'v', { expires: 2592001 }), true);
  check('get, expired', await value(c, 'e'), null);
  check('set', [await c.set('e', 'v', { expires: 1000 }), await value(c, 'e')], [true, 'v']);
  check('touch, already over', [await c.touch('e', 2592001), await value(c, 'e')], [true, null]);
  await c.set('e', 'v', {});
  check('flush and add', [await c.flush(), await c.add('e', 'w', {})], [{ [server]: true }, true]);
}

async function arithmetic(c) {
  const fresh = await c.increment('n', 5, { initial: 7 });
  check('increment, absent', fresh, { success: true, value: 7 });
  check('increment', await c.increment('n', 5, {}), { success: true, value: 12 });
  check('decrement', await c.decrement('n', 2, {}), { success: true, value: 10 });
  check('decrement to 0', await c.decrement('n', 20, {}), { success: true, value: 0 });
  check('get after them', await value(c, 'n'), '0 ');
  await c.set('text', 'abc', {});
  await fails('increment of text', 'non-numeric', c.increment('text', 1, {}));
}

async function manyAtATime(c) {
  const keys = Array.from({ length: 300 }, (_, n) => `many${n}`);
  const stored = await Promise.all(keys.map((key) => c.set(key, `value of ${key}`, {})));
  check('300 sets at a time', stored.every(Boolean), true);
  const found = await Promise.all(keys.map((key) => value(c, key)));
  check('300 gets at a time', found, keys.map((key) => `value of ${key}`));
}

async function limits(c) {
  const every = Buffer.from(Array.from({ length: 256 }, (_, n) => n));
  check('odd bytes', [await c.set('o', every, {}), (await c.get('o')).value], [true, every]);
  check('empty', [await c.set('z', '', {}), await value(c, 'z')], [true, '']);
  const odd = 'a b\r\n';
  check('odd key', [await c.set(odd, 'v', {}), await value(c, odd)], [true, 'v']);
  const big = Buffer.alloc(1000000, 'big');
  check('set, large', await c.set('big', big, {}), true);
  check('get, large', (await c.get('big')).value.equals(big), true);
  await fails('too large', 'Value too large', c.set('big', Buffer.alloc(2000000), {}));
  check('after too large', await value(c, 'o') !== null, true);
  check('key of 250', [await c.set('k'.repeat(250), 'v', {}), await value(c, 'k'.repeat(250))],
    [true, 'v']);
  // As memcached does, slabd closes the connection after that.
  const other = connect(...login);
  await fails('key of 251', 'Invalid arguments', other.set('k'.repeat(251), 'v', {}));
}

function statsOf(call) {
  return new Promise((resolve, reject) => {
    call((error, from, stats) => (error ? reject(error) : resolve(stats)));
  });
}

async function administration(c) {
  const stats = await statsOf((done) => c.stats(done));
  check('stats', [Number(stats.curr_items) > 0, stats.version.startsWith('1.6.')], [true, true]);
  const settings = await statsOf((done) => c.statsWithKey('settings', done));
  check('stats settings', settings.maxconns, '1024');
  check('stats reset', await statsOf((done) => c.resetStats(done)) !== undefined, true);
  check('flush', await c.flush(), { [server]: true });
  check('get after flush', await value(c, 'n'), null);
}

async function logins() {
  const stranger = connect('', '');
  await fails('no login', 'authentication failed', stranger.get('k'));
  stranger.close();
  const wrong = connect(login[0], 'wrong');
  await fails('wrong password', 'authentication failed', wrong.get('k'));
  wrong.close();
}

run('memjs', async () => {
  const c = connect(...login);
  for (const part of [basics, expiry, arithmetic, manyAtATime, limits, administration]) {
    await part(c);
  }
  if (login.length) {
    await logins();
  }
  await stopDaemon();
  await fails('the server is gone', 'ECONN', c.set('k', 'v', {}));
});
